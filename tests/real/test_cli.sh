#!/usr/bin/env bash
# What a first user does, on the real models: word vectors, attention, facts, one word in two contexts, a dump of every
# layer asked in SQL.  Ends in `N passed, N failed`
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${VECSCOPE:-./vecscope}")
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_DATA_HOME="$tmp/data"

# ask ARGS… - run the program; its output is what the next checks look at.
ask() { "$program" "$@" >"$tmp/log" 2>&1; }

count() {
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$1"
        cut -c1-300 "$tmp/log" | sed 's/^/    /'
    fi
}

# check WHAT PATTERN - the pattern (grep -E) is in the output.   holds WHAT CONDITION - an awk condition holds.
check() {
    grep -qE -e "$2" "$tmp/log"
    count "$1" $?
}
holds() {
    awk "BEGIN {exit !($2)}"
    count "$1" $?
}
# number KEY - the first number under that key of the JSON.
number() { grep -oE "\"$1\":-?[0-9.e-]+" "$tmp/log" | head -1 | cut -d: -f2; }

ask -s glove-6b-50d 'queen − king + man' -k 1
check "queen - king + man" '^ +woman +0\.89'
ask -s glove-6b-50d near "New York" -k 10
check "GloVe has no New York: the mean is said" '^  mean\(new, york\)'
check "and is near other cities" 'chicago'
ask -s glove-6b-50d -c 'compare queen − king, woman − man; compare queen - king, man - woman' --json
check "the two differences agree" '"cosine":0\.5[89]'
check "turned round they do not" '"cosine":-0\.5[89]'

ask -m gemma3-270m near "New York" -k 10
check "Gemma's embedding: pieces" '^  mean\(New, ?York\)'
check "and their neighbours" 'London|NY'

ask -m gemma3-270m attention "the white swan in the blue water"
check "swan looks at white" '^ +swan +white '
check "water looks at blue" '^ +water +blue '

ask convert gemma3-270m "$tmp/g" --type bf16 --json
check "blocks become numbers" '"format":"safetensors","tensors":236'
ask convert "$tmp/g" "$tmp/g8.gguf" --type q8_0 --json
check "and blocks again" '"format":"gguf","tensors":236,"bytes":[0-9]+,"notes":\[\]'
for model in "$tmp/g" "$tmp/g8.gguf"; do
    ask -m "$model" next "The Eiffel Tower is in the city of" -k 1
    check "$(basename "$model"): the same first prediction" '·Paris'
    ask -m "$model" tokens "Déjà vu: 北京, 🙂  two  blanks" --json
    [ "$model" != "$tmp/g" ] || cp "$tmp/log" "$tmp/tokens"
    cmp -s "$tmp/log" "$tmp/tokens"
    count "$(basename "$model"): the same tokens" $?
done
rm -r "$tmp/g" "$tmp/g8.gguf"

ask -m gemma3-270m facts "Michael Jordan plays the sport of" --json
check "the answer" '"answer":" basketball"'
logit=$(number logit) sum=$(number sum) silenced=$(grep -oE '"layer":9,"attn":[^}]*' "$tmp/log" | grep -oE '"silenced":[0-9.e-]+' | cut -d: -f2)
holds "embedding + all parts = the logit" "($logit - $sum) ^ 2 < 1e-4"
ask -m gemma3-270m with '{zero 9.mlp_out}' test "Michael Jordan plays the sport of" " basketball" --json
holds "the silenced probability is that of with {zero 9.mlp_out}" "(${silenced:-9} - $(number prob)) ^ 2 < 1e-10"

ask -m gemma3-270m facts --file tests/data/study/known_facts.json --json
check "a set of facts, as transformers scores it" '"facts":40,"p_at_1":0.425,"reference_p_at_1":0.425,"p_at_10":0.9,"reference_p_at_10":0.9,.*"reference":"transformers 5'
ask -m gemma3-270m with '{scale 1.mlp_out * 0.5}' facts --file tests/data/study/known_facts.json
holds "under an edit there is no reference" "$(grep -c transformers "$tmp/log") == 0"

ask -m gemma3-270m patch "Tiger Woods plays the sport of" --from "Michael Jordan plays the sport of" --json
check "the other text's sport" '"answer":" basketball"'
there=$(number there) best=$(grep -oE '"strongest":\[[^}]*' "$tmp/log" | grep -oE '"value":[0-9.e-]+' | cut -d: -f2)
check "the name's last token carries it" '"strongest":\[\{"layer":[0-9]+,"position":2,'
holds "as far as that text itself goes, or nearly" "${best:-0} > 0.5 * $there"
ask -m gemma3-270m ablate "Michael Jordan plays the sport of" --json
change=$(grep -oE '"strongest":\[\{"layer":3,"head":2,[^}]*' "$tmp/log" | grep -oE '"value":[0-9.e-]+' | cut -d: -f2)
ask -m gemma3-270m with '{zero 3.attn.z.h2}' test "Michael Jordan plays the sport of" " basketball" --json
holds "a silent head, as with {zero 3.attn.z.h2}" "(exp(${change:-9}) - $(number prob)) ^ 2 < 1e-10"

ask -m gemma3-270m compare --layers "he sat on the river bank" "Gringotts bank is in London" --at bank
check "one vector in the table" '^ +embedding +1\.000 '
check "another after the last block" '^ +18 +0\.[0-9]+ +0\.[0-9]+ +after the last block'

ask -m gemma3-270m -d "$tmp/a.db" dump "the white swan in the blue water" --sites hidden_states,attentions --json
check "a dump of every layer" '"hidden_states\.18".*"attentions\.17".*"positions":8'
ask -d "$tmp/a.db" sql "select site, count(*) from activations group by site order by site" --csv
check "every vector of the stream is there" '^hidden_states,152$'
check "and every row of every pattern" '^attentions,576$'
ask -d "$tmp/a.db" --json sql "select count(*) as equal from activations a join activations b on a.site = b.site and a.layer = b.layer and a.position = b.position
    where a.site = 'hidden_states' and vs_cosine(a.vec, b.vec) > 0.9999"
check "vectors are compared in SQL" '"equal":152'

ask -m gemma3-270m generate "The Eiffel Tower is in the city of" -n 4 --greedy --json
check "it goes on" '"text":" Paris'
ask -m minilm-l6 fill "the [MASK] swan"
check "MiniLM has no masked-word head" '^vecscope: fill: .* has no masked-word head'
ask -m minilm-l6 embed "a white swan" --unit --json
check "a sentence vector" '"dim":384'
ask -m minilm-l6 next "a white swan"
check "an encoder does not continue" '^vecscope: next: .* encoder'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
