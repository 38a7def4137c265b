#!/usr/bin/env bash
# patch and ablate against what they stand for: every number drawn is that of one pass under the one edit (with {…} test,
# with {…} fill, with {…} next), with and without other edits in force; and --store keeps the same numbers.
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${VECSCOPE:-vecscope}") fixtures=$PWD/tests/data/fixtures
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

# Standard input: the command's object, then for each cell that of `test` or `fill` under its edit.
cat >compare.py <<'P'
import json, math, sys
whole, *cells = (json.loads(line) for line in sys.stdin)
values = [v + whole["base"] for row in whole["change"]["values"] for v in row]
def wanted(cell):
    of = {r["id"]: r for r in cell["results"]} if "results" in cell else None
    found = of[whole["answer_id"]] if of else cell["answer"][0]
    if whole["metric"] == "logit":
        return found["logit"] - (of[whole["against_id"]]["logit"] if "against_id" in whole else 0)
    return math.log(found["prob"]) if whole["metric"] == "logprob" else found["prob"]
want = [wanted(c) for c in cells]
far = max(abs(a - b) for a, b in zip(values, want))
if len(values) != len(want) or not far < 3e-6:
    sys.exit(f"{len(values)} numbers, {len(want)} passes; {far} apart")
if not max(want) - min(want) > 1e-5:
    sys.exit("nothing changes")
strongest = [r["change"] for r in whole["strongest"]]
if [abs(x) for x in strongest] != sorted((abs(x) for x in strongest), reverse=True) or abs(abs(strongest[0]) - max(abs(v - whole["base"]) for v in values)) > 1e-5:
    sys.exit("the strongest are not")
P

# check WHAT MODEL COMMAND CELL… - one test.
check() {
    local what=$1 model=$2
    shift 2
    printf '%s\n' "set effects off" "$@" >script
    if "$program" -m "$fixtures/$model" --json -f script >out 2>log && grep -E '"(answer|results)"' out | python3 compare.py 2>>log; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$what"
        sed 's/^/    /' log
    fi
}

text="the king is in" other="the lord is in" answer="is"
ask() { cells+=("with {$1} test \"$text\" \"$answer\""); }

cells=()
for l in 0 1 2 3 4 5 6; do for p in 0 1 2 3 4 5; do ask "set $l.resid_pre[$p] from \"$other\"[$p]"; done; done
check "the stream at every place" gemma3 "patch \"$text\" --from \"$other\" --answer $answer" "${cells[@]}"

cells=() force="scale 1.attn.z * 0.5; zero 4.mlp_out[2..3]" # the other text is under them too
for l in 2 3; do for p in 2 3; do
    cells+=("with {$force} \$v = \"$other\"@$l.mlp_out[$p]")
    ask "$force; set $l.mlp_out[$p] \$v"
done; done
check "a range of blocks and positions, under edits" gemma3 \
    "with {$force} patch \"$text\" --from \"$other\" --answer $answer --site mlp_out --layers 2..3 --position 2..3" "${cells[@]}"

cells=()
for l in 0 1 2; do for h in 0 1 2 3; do ask "set $l.attn.z.h$h from \"$other\""; done; done
check "heads at all positions" gpt2 "patch \"$text\" --from \"$other\" --answer $answer --heads --metric logit" "${cells[@]}"

cells=()
for l in 0 1 2; do for h in 0 1 2 3; do ask "set $l.attn.z.h$h[1..2] from \"$other\"[1..2]"; done; done
check "heads at some" gpt2 "patch \"$text\" --from \"$other\" --answer $answer --heads --position 1..2 --metric logprob" "${cells[@]}"

cells=()
for l in 0 1 2; do for h in 0 1 2 3; do ask "zero $l.attn.z.h$h"; done; done
check "heads silent" neox "ablate \"$text\" --answer $answer" "${cells[@]}"

cells=()
for l in 1 2; do ask "zero $l.attn_out[1]"; ask "zero $l.mlp_out[1]"; ask "zero $l.attn_out[1]; zero $l.mlp_out[1]"; done
check "attention, MLP, both, at one position" llama "ablate \"$text\" --what layers --layers 1..2 --position 1 --answer $answer" "${cells[@]}"

cells=()
for l in 0 1 2; do ask "set $l.mlp_out \"$text\"@$l.mlp_out[mean]"; done
check "MLPs at their mean" qwen2 "ablate \"$text\" --what mlps --mean --answer $answer" "${cells[@]}"

cells=()
for l in 0 1 2; do for h in 0 1 2 3; do cells+=("with {zero $l.attn.z.h$h} fill \"the [MASK] swan\" -k 700"); done; done
check "a masked word, a difference of logits" bert "ablate \"the [MASK] swan\" --answer king --against queen" "${cells[@]}"

# two stacks: what the decoder says next, in each place of either
two() { cells+=("with {$1} next \"$text\" --target \"the king\" -k 700"); }
cells=()
for l in 0 1; do for p in 0 1 2 3 4; do two "set encoder.$l.resid_pre[$p] from \"$other\"[$p]"; done; done
check "an encoder's stream" t5 "patch \"$text\" --from \"$other\" --target \"the king\" --stack encoder" "${cells[@]}"
cells=()
for l in 0 1 2; do for p in 0 1 2; do two "set decoder.$l.resid_pre[$p] from \"$other\" to \"the king\"[$p]"; done; done
check "a decoder's stream beside another text" t5 "patch \"$text\" --from \"$other\" --target \"the king\"" "${cells[@]}"
cells=()
for l in 0 1 2; do for h in 0 1 2 3; do two "set $l.xattn.z.h$h from \"$text\" to \"the lord\""; done; done
check "heads of cross-attention, another target" marian "patch \"$text\" --from-target \"the lord\" --target \"the king\" --heads --stack cross --metric logit" "${cells[@]}"
cells=()
for l in 0 1 2; do for p in 1 2; do two "set decoder.$l.xattn.v[$p] from \"$other\" to \"the king\"[$p]"; done; done
check "what cross-attention reads, at the encoder's words" t5 "patch \"$text\" --from \"$other\" --target \"the king\" --site xattn.v --position 1..2" "${cells[@]}"
cells=()
for l in 0 1; do for h in 0 1 2 3; do two "scale decoder.1.mlp_out * 2; zero encoder.$l.attn.z.h$h"; done; done
check "heads of an encoder silent, under edits" bart "with {scale decoder.1.mlp_out * 2} ablate \"$text\" --target \"the king\" --stack encoder" "${cells[@]}"
cells=()
for l in 1 2; do
    for x in attn_out xattn_out mlp_out; do two "zero decoder.$l.$x"; done
    two "zero decoder.$l.attn_out; zero decoder.$l.xattn_out; zero decoder.$l.mlp_out"
done
check "parts of a decoder's block" transformer2017 "ablate \"$text\" --target \"the king\" --what layers --layers 1..2" "${cells[@]}"

stored=$("$program" -m "$fixtures/gemma3" -d s.db --json -c "patch \"$text\" --from \"$other\" --store; sql select count(*) as n, count(distinct data ->> 'position') as positions, round(max(abs(data ->> 'change')), 5) as most from results where kind = 'patch'" |
    python3 -c 'import json, sys; a, b = map(json.loads, sys.stdin); r = b["rows"][0]; print(r["n"], r["positions"], r["most"] == round(abs(a["strongest"][0]["change"]), 5))')
if [ "$stored" = "42 6 True" ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAILED: stored: $stored"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
