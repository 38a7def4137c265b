#!/usr/bin/env bash
# Install the Debian packages that are missing, saying which and why; silent when everything is there.
# usage: deps.sh GROUP…     groups: build, test, fetch, real, dev
set -euo pipefail

# group  package              what it is for                                         or else (a command that shows it is not needed)
packages() {
    cat <<'LIST'
build | gcc                  | the C compiler                                       | cc --version
build | make                 | the build                                            | make --version
build | libc6-dev            | the C library's headers                              |
build | libgsl-dev           | linear algebra and statistics                        |
build | libopenblas-dev      | fast matrices behind GSL                             |
build | libsqlite3-dev       | the store                                            |
build | libreadline-dev      | the prompt                                           |
build | libpcre2-dev         | the patterns that split text before tokenising       |
build | libutf8proc-dev      | Unicode: normal forms, character widths              |
build | libjansson-dev       | JSON                                                 |
build | libcairo2-dev        | pictures (PNG)                                       |
test  | libcmocka-dev        | unit tests                                           |
test  | pkgconf              | the installed library is found by it                  | pkg-config --version
test  | git                  | lint looks at the files under version control        | git --version
fetch | python3              | fetching models: pip carries them                    | python3 --version
fetch | python3-pip          | fetching models: pip carries them                    | python3 -m pip --version
fetch | ca-certificates      | fetching models: certificates                        |
real  | sqlite3              | the extension in a client that is not vecscope         | sqlite3 --version
real  | python3-nbclient     | the notebook is run from its first cell to its last    |
real  | python3-ipykernel    | the notebook is run                                  |
real  | python3-matplotlib   | the notebook's pictures                              |
real  | python3-numpy        | arrays of the Python binding                         |
dev   | clang                | the second compiler, and libFuzzer                   | clang --version
dev   | clang-format         | make format                                          | clang-format --version
dev   | valgrind             | memory checks                                        | valgrind --version
LIST
}

# there PACKAGE COMMAND - true when the package is installed, or the command shows that the thing itself is.
there() {
    case " $installed " in *" $1 "*) return 0 ;; esac
    [ -n "$2" ] && sh -c "$2" >/dev/null 2>&1
}

trim() { local s=$1; s=${s#"${s%%[![:space:]]*}"}; printf '%s' "${s%"${s##*[![:space:]]}"}"; }

groups=" $* "
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | tr '\n' ' ' || true)
missing=()
while IFS='|' read -r group package why command; do
    group=$(trim "$group") package=$(trim "$package") why=$(trim "$why") command=$(trim "$command")
    case "$groups" in *" $group "*) ;; *) continue ;; esac
    there "$package" "$command" && continue
    missing+=("$package")
    printf 'missing: %-18s %s\n' "$package" "$why"
done < <(packages)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "no apt-get on this machine: if the build fails, install what these packages hold: ${missing[*]}" >&2
    exit 0
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "not root and no sudo: as root, run apt-get install ${missing[*]}" >&2; exit 1; }
    if [ -t 0 ]; then as_root=(sudo); else as_root=(sudo -n); fi
fi
echo "installing with apt-get: ${missing[*]}"
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install || { "${as_root[@]}" apt-get update -qq >>"$log" 2>&1 && install; } ||
    { cat "$log" >&2; echo "apt-get could not install: ${missing[*]}" >&2; exit 1; }
