#!/bin/sh
# Tests of the command line: run.sh QCC GROUP [JSON_SHAPE [BUILD]]
#
# A group is a function below.  It works in a fresh folder, says what is wrong, and fails when anything
# was.  The model, its samples and the policy beside this script are made by make.py.  UPDATE=1
# rewrites the goldens of help and json.  Exit status 77: what the group needs is not there.
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 2 ] || { echo "usage: run.sh QCC GROUP [JSON_SHAPE [BUILD]]" >&2; exit 2; }
qcc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
group=$2
json_shape=${3:-}
build=${4:-}
well_formed=${json_shape%json_shape}well_formed
here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
mkdir "$temp/work"
TMPDIR=$temp/work
export TMPDIR
cp "$here"/small.onnx "$here"/*.graph "$here"/*.json "$here"/*.npy "$here"/adapter.safetensors "$here"/mixed.yaml "$temp" && cd "$temp" || exit 2
failed=0

wrong() {
  echo "FAILED: $*"
  failed=$((failed + 1))
}

# expect STATUS ARGUMENTS...: runs qcc; its output is in ./stdout and ./stderr.
expect() {
  want=$1
  shift
  "$qcc" "$@" >stdout 2>stderr </dev/null
  status=$?
  [ "$status" -eq "$want" ] && return
  wrong "qcc $*: exit status $status, expected $want"
  cat stderr
}

# golden NAME FILE: compares a file with NAME.golden beside this script.
golden() {
  if [ "${UPDATE:-0}" = 1 ]; then cp "$2" "$here/$1.golden"; fi
  diff -u "$here/$1.golden" "$2" || wrong "$1"
}

# same A B: two folders or files with the same bytes.
same() { diff -r "$1" "$2" >/dev/null || { diff -r "$1" "$2" | head -20; wrong "$1 and $2 differ"; }; }

# code A: the generated code of folder A without the lines that say where it came from.
code() { cat "$1"/*.c "$1"/*.h | sed '/^ \* Made by qcc /d; /^ \* Hashes: /d'; }

same_code() {
  code "$1" >code.1
  code "$2" >code.2
  [ -s code.1 ] || wrong "no code in $1"
  same code.1 code.2
}

verbs='compile run verify eval size bench explain report diff analyze search list'
policies='--preset=float --preset=int8 --preset=int4 --preset=w4a8 --policy=mixed.yaml'
bind='--dim N=1'

help() {
  expect 0 --help
  golden help stdout
  for verb in $verbs; do
    expect 0 "$verb" --help
    golden "help-$verb" stdout
    [ -s stderr ] && wrong "qcc $verb --help writes on stderr"
  done
  cp stdout last
  expect 0 list -h
  same last stdout
  expect 0
  golden help stdout
  expect 0 --version
  grep -Eqx 'qcc [0-9]+\.[0-9]+\.[0-9]+' stdout || wrong "--version prints $(cat stdout)"
}

list() {
  for table in ops passes formats solvers transforms metrics methods targets kernels presets keys; do
    expect 0 list "$table"
    [ -s stdout ] || wrong "list $table prints nothing"
    grep -n '^[^ ]* *$' stdout && wrong "list $table has rows without a summary"
    rows=$(wc -l <stdout)
    # A kernel may serve several operators.
    if [ "$table" != kernels ] && cut -d' ' -f1 stdout | sort | uniq -d | grep .; then
      wrong "list $table has a name twice"
    fi
    expect 0 list "$table" --json
    "$json_shape" <stdout >shape || wrong "list $table --json is not JSON"
    printf '%s\n' '. list' '[] object' '[].name string' '[].summary string' >wanted
    same wanted shape
    [ "$(grep -c '"name"' stdout)" -eq "$rows" ] || wrong "list $table --json has other rows"
  done
}

# shape NAME ARGUMENTS...: --json on stdout, nothing else, in the shape of the golden.
shape() {
  name=$1
  shift
  expect 0 "$@" --json
  "$json_shape" <stdout >shape || wrong "$name: not JSON"
  golden "json-$name" shape
}

# scores: the figures of eval in ./stdout.
scores() { grep -E '"(float|quantized|sqnr_db|agreement)": [0-9]' stdout | tr -d ' ,' | head -4 | sort; }

json() {
  model="small.onnx $bind --preset int8 --calib x.npy"
  # shellcheck disable=SC2086
  {
    shape compile $model -o out
    same out/report.json stdout
    shape verify verify $model --target host
    shape verify-float verify small.onnx $bind --target host --limit 2
    shape eval eval $model --input x.npy
    shape eval-labels eval $model --input x.npy --labels labels.npy
    scores >by-eval
    shape eval-against eval $model --input x.npy --labels labels.npy --against mixed.yaml
    expect 0 eval $model --input x.npy --against int8
    grep -qxF '  against int8: better on 0 samples, worse on 0, p = 1' stdout || wrong "a policy is not as good as itself"
    shape eval-target eval $model --input x.npy --labels labels.npy --target host --on-target
    shape size size $model --targets host
    shape bench bench $model --target host
    shape bench-layers bench $model --target host --layers
    shape explain explain $model
    expect 0 small.onnx $bind --preset int4 --calib x.npy -o other
    shape report report $model --input x.npy --labels labels.npy --target host --targets host --bench --sensitivity sensitivity.json --search front.json
    scores >by-report
    same by-eval by-report
    shape diff diff out/policy.lock.yaml other/policy.lock.yaml
    shape analyze analyze $model
    shape search search $model --budget weights=200 -o found.yaml
  }
}

status() {
  expect 1 nothing.onnx -o out
  # shellcheck disable=SC2086
  expect 0 verify small.onnx $bind --preset int8 --calib x.npy --target host
  # A kernel that computes something else: the compiler is made to break the generated code.
  cat >cc-wrong <<'SCRIPT'
#!/bin/sh
for a do case $a in */small.c) sed -i 's/  SMALL_LAYER(\([0-9]*\));$/  SMALL_LAYER(\1); SMALL_OUTPUT_0(arena)[0] ^= 1;/' "$a" ;; esac; done
exec cc "$@"
SCRIPT
  chmod +x cc-wrong
  cat >wrong.yaml <<TARGET
summary: a machine that gets the first output wrong
isa: []
pointer_bytes: 8
fpu: true
regions:
  - {name: memory, bytes: 1M, kind: ram}
compilers:
  - program: $temp/cc-wrong
    package: none
    flags: []
    link: [-lm]
run:
  kind: native
  board: posix
TARGET
  # shellcheck disable=SC2086
  expect 2 verify small.onnx $bind --preset int8 --calib x.npy --target ./wrong.yaml
  grep -q ' [1-9][0-9]* of 96 outputs differ' stdout || { wrong "verify does not count"; cat stdout stderr; }
  # A full disk is no reason for half a table to count as success.
  if [ -w /dev/full ]; then
    "$qcc" list ops >/dev/full 2>stderr && wrong "list ops >/dev/full succeeds"
    grep -q 'cannot be written' stderr || wrong "list ops >/dev/full says nothing"
  fi
  # Nothing is left behind, also when it is stopped.
  "$qcc" verify small.onnx --dim N=1 --target host --limit 1000000 >stdout 2>stderr &
  child=$!
  n=0
  while [ -z "$(ls work)" ] && [ $n -lt 100 ]; do sleep 0.1 && n=$((n + 1)); done
  kill -TERM "$child"
  wait "$child" 2>/dev/null
  [ -z "$(ls work)" ] || { wrong "the work folder is left behind"; ls work; }
}

# over WORDS...: is there such a line of a budget on stderr, with any figures?
over() {
  sed 's/takes [0-9]* /takes BYTES /; s/, [0-9]* ([0-9.]* %)/, BYTES (SHARE %)/' stderr |
    grep -qxF "qcc: over budget: $*" || { wrong "no budget: $*"; cat stderr; }
}

# Several policies, limits that hold or do not, and what differs between two lock files.
compare() {
  # shellcheck disable=SC2086
  {
    expect 2 size small.onnx $bind --calib x.npy --preset int8 --policy mixed.yaml --targets host --max-flash 1MiB --max-ram host=10
    cut -d' ' -f1 stdout | tr '\n' ' ' | grep -qx 'policy int8 mixed.yaml ' || { wrong "rows by policy"; cat stdout; }
    sed 's/^int8 *//' stdout | sed -n 2p >several
    over small by int8 on host takes 'BYTES bytes of RAM, BYTES (SHARE %)' more than --max-ram 10
    over small by mixed.yaml on host takes 'BYTES bytes of RAM, BYTES (SHARE %)' more than --max-ram 10
    expect 0 size small.onnx $bind --calib x.npy --preset int8 --targets host
    sed -n 2p stdout >one
    same one several
    expect 2 small.onnx $bind -o over --max-flash 100 --max-latency 1ns --quiet
    [ ! -e over ] || wrong "output although it is over budget"
    over small on host takes 'BYTES bytes of flash, BYTES (SHARE %)' more than --max-flash 100
    over small on host takes 'BYTES ns per inference, BYTES (SHARE %)' more than --max-latency 1ns
    expect 0 small.onnx $bind -o within --max-flash 1MiB --quiet
    expect 0 small.onnx $bind --preset int8 --calib x.npy -o a --quiet
    expect 0 small.onnx $bind --policy mixed.yaml --calib x.npy -o b --quiet
  }
  expect 0 diff a/policy.lock.yaml a/policy.lock.yaml
  golden diff-same stdout
  expect 0 diff a/policy.lock.yaml b/policy.lock.yaml
  grep -v '^file ' stdout >changes
  golden diff changes
  [ -z "$(ls work)" ] || wrong "left behind: $(ls work)"
}

# The page: well-formed, nothing in it that is run or fetched, names as text; the same bytes on any
# number of threads; its tables on the terminal.
page() {
  expect 0 report hostile.graph --preset int8 --calib x.npy --target host --sensitivity sensitivity.json --search front.json -o hostile.html
  # shellcheck disable=SC2086
  {
    model="small.onnx $bind --preset int8 --calib x.npy --target host"
    expect 0 report $model --input x.npy --labels labels.npy -o small.html --threads 1
    expect 2 report $model --input x.npy --labels labels.npy -o again.html --threads 3 --max-flash 1
    same small.html again.html
    expect 0 report $model --limit 8
    sed 's/^\(  flash *\).*/\1.../; s/, stack .*//' stdout >tables
    golden report tables
    expect 0 report small.onnx $bind --target host -o float.html
  }
  for page in hostile small float; do
    "$well_formed" <$page.html || wrong "$page.html is not well-formed"
    sed 's/"[^"]*"/""/g' $page.html | grep -Ein '<(script|link|img|iframe|object|embed|base)|https?:|@import|url\(|<[^>]* (on[a-z]+|src|srcset|data)=' &&
      wrong "$page.html has something that is run or fetched"
  done
  grep -qF '<b>&lt;conv1&gt;</b>' hostile.html || wrong "the layer's name is not there"
  grep -qF '&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;' hostile.html || wrong "the name is not there"
  [ "$(grep -o '<section id="[a-z]*"' small.html | tr -d '\n')" = '<section id="summary"<section id="network"<section id="noise"<section id="ranges"<section id="arena"' ] ||
    wrong "sections of small.html"
}

# In a browser: nothing is wider than a phone's 360 pixels, and dark and light differ.
browser() {
  command -v chromium >/dev/null || exit 77
  # shellcheck disable=SC2086
  expect 0 report small.onnx $bind --preset int8 --calib x.npy --target host --targets host,cortex-m4,rv32imc --sensitivity sensitivity.json --search front.json -o page.html
  cat >frame.html <<'FRAME'
<!DOCTYPE html><iframe id="f" src="page.html" style="width:360px;height:800px;border:0"></iframe><p id="r"></p>
<script>onload = () => {
  const d = f.contentDocument, e = d.documentElement;
  d.querySelectorAll("details").forEach(x => x.open = true);
  r.textContent = "wide " + e.scrollWidth + " on " + getComputedStyle(d.body).backgroundColor;
}</script>
FRAME
  for scheme in 0 1; do
    timeout 120 chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
      --user-data-dir="$temp/chromium" --blink-settings=preferredColorScheme=$scheme --dump-dom "file://$temp/frame.html" 2>log |
      grep -o 'wide [0-9]* on [^<]*' >seen.$scheme || { cat log; wrong "chromium shows nothing"; }
    grep -q '^wide 360 on ' seen.$scheme || { wrong "on a phone"; cat seen.$scheme; }
  done
  cmp -s seen.0 seen.1 && wrong "dark is as light"
}

stages() {
  expect 0 list passes
  cut -d' ' -f1 stdout >passes
  for policy in --preset=float --policy=mixed.yaml; do
    while read -r pass; do
      # shellcheck disable=SC2086
      expect 0 run small.onnx $bind "$policy" --calib x.npy --target host --stop-after "$pass" --input x.npy -o y.npy
      # shellcheck disable=SC2086
      expect 0 small.onnx $bind "$policy" --calib x.npy --target host --stop-after "$pass" --emit graph -o at.graph
      cp at.graph first.graph
      [ -f at.safetensors ] && cp at.safetensors first.safetensors
      expect 0 at.graph --emit graph -o at.graph
      same first.graph at.graph
      [ -f at.safetensors ] && same first.safetensors at.safetensors
      rm -f at.safetensors
    done <passes
  done
}

output() {
  # shellcheck disable=SC2086
  {
    expect 0 small.onnx $bind -o new/deep/folder/
    [ "$(ls -A new/deep/folder)" = "$(printf 'policy.lock.yaml\nreport.json\nsmall.c\nsmall.h')" ] ||
      wrong "in the folder: $(ls -A new/deep/folder)"
    mkdir there && echo mine >there/mine.txt && echo old >there/small.c
    expect 0 small.onnx $bind -o there
    [ "$(cat there/mine.txt)" = mine ] || wrong "a file that was there is gone"
    same new/deep/folder/small.c there/small.c
    expect 0 small.onnx $bind -o named --name other_name --quiet
    [ -f named/other_name.c ] || wrong "no file by the name that was given"
    [ -s stdout ] && wrong "--quiet prints: $(cat stdout)"
    expect 0 small.onnx $bind --emit graph -o .hidden.graph
    [ -f .hidden.graph ] || wrong "no graph by a name that starts with a dot"
    expect 0 small.onnx $bind --emit graph -o /dev/null
    [ -c /dev/null ] || wrong "/dev/null is no device any more"
    expect 0 small.onnx $bind --emit graph -o -
    cp stdout all.graph
    expect 0 small.onnx $bind --emit graph
    same all.graph stdout
    expect 0 verify small.onnx $bind --target host --limit 1 --keep
    ls work/qcc-*/small.c >/dev/null || wrong "--keep keeps nothing"
    rm -rf work/*
    printf 'version: 1\noutput: {weights_bin: 64}\n' >bin.yaml
    expect 0 verify small.onnx $bind --policy bin.yaml --target host
  }
  [ -z "$(ls work)" ] || wrong "left behind: $(ls work)"
}

# compile_all FOLDER ARGUMENTS...: with every policy.
compile_all() {
  to=$1
  shift
  for policy in $policies; do
    # shellcheck disable=SC2086
    expect 0 small.onnx $bind "$policy" --calib x.npy --target cortex-m55 -o "$to/$policy" "$@"
  done
}

twice() {
  compile_all a
  compile_all b
  same a b
}

threads() {
  compile_all a --threads 1
  compile_all b --threads 2
  compile_all c --threads 7
  same a b
  same a c
  for n in 1 3; do
    # shellcheck disable=SC2086
    expect 0 run small.onnx $bind --preset int8 --calib x.npy --stop-after lower --input x.npy -o "y$n.npy" --threads $n
  done
  same y1.npy y3.npy
}

# The lock file makes the same code without preset, policy or samples, and so does its own lock.
lock() {
  compile_all a
  for policy in $policies; do
    for round in b c; do
      from=a
      [ $round = c ] && from=b
      # shellcheck disable=SC2086
      expect 0 small.onnx $bind --policy "$from/$policy/policy.lock.yaml" --target cortex-m55 -o "$round/$policy"
      same_code "a/$policy" "$round/$policy"
    done
    same "b/$policy" "c/$policy"
  done
  # A solver that looks at samples needs them again.
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --preset w4a8-gptaq --calib x.npy --target cortex-m55 -o a/gptaq
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --policy a/gptaq/policy.lock.yaml --calib x.npy --target cortex-m55 -o b/gptaq
  same_code a/gptaq b/gptaq
  # An adapter is not in the lock file, but the same one has to be given.
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --preset int8 --lora adapter.safetensors --calib x.npy --target cortex-m55 -o a/lora
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --policy a/lora/policy.lock.yaml --lora adapter.safetensors --target cortex-m55 -o b/lora
  same_code a/lora b/lora
  # What a rule takes away from what all others have.
  {
    echo 'preset: nf4-double'
    echo 'outliers: {sparse: {rate: 0.05}}'
    echo 'lora: {correct: 2}'
    echo 'rules: [{match: {name: dense}, outliers: {sparse: {rate: 0}}, lora: {correct: none}}]'
  } >beside.yaml
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --policy beside.yaml --calib x.npy --target host -o a/beside
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --policy a/beside/policy.lock.yaml --calib x.npy --target host -o b/beside
  same_code a/beside b/beside
}

# The text form of the model is the model.
text() {
  # shellcheck disable=SC2086
  expect 0 small.onnx $bind --emit graph -o small.graph
  for policy in $policies; do
    # shellcheck disable=SC2086
    expect 0 small.onnx $bind "$policy" --calib x.npy --target cortex-m55 -o "onnx/$policy"
    expect 0 small.graph "$policy" --calib x.npy --target cortex-m55 -o "text/$policy"
    same "onnx/$policy" "text/$policy"
  done
}

# Formats under budgets: the same bytes every time, a policy that qcc takes as it is.
search() {
  model="small.onnx $bind --preset int8 --calib x.npy --threads 1"
  mkdir a b
  # shellcheck disable=SC2086
  {
    expect 0 search $model --budget weights=200 -o a/mixed.yaml
    expect 0 search $model --budget weights=200 -o b/mixed.yaml --threads 2
    rm a/mixed.yaml
    expect 0 search $model --budget weights=200 -o a/mixed.yaml
    same a b
    expect 0 small.onnx $bind --policy a/mixed.yaml --calib x.npy --target host -o mixed --threads 1
    expect 0 small.onnx $bind --policy a/mixed.lock.yaml --target host -o locked --threads 1
    expect 0 search $model --method greedy --budget weights=200 -o greedy.yaml
    # What is found out goes on, also for other budgets; too small ones say by how much.
    expect 1 search $model --budget weights=100 -o a/mixed.yaml
    golden search-infeasible stderr
    mv stderr found-no
    expect 1 search $model --budget flash=1KiB,weights=100 --target host -o host.yaml
    grep -q 'weights: 1[0-9]* bytes of weights at least, 100 asked for; flash: [0-9]* bytes of flash at least, 1KiB' stderr ||
      wrong "budgets that nothing keeps to: $(cat stderr)"
    # A model that is quantized already decides itself; what stays in float between its codes is named.
    cat >coded.graph <<'END'
<opset=18>
f(float[2,3] x) => (y)
{
  const float s = {0.5}
  const uint8 z = {128}
  q = QuantizeLinear(x, s, z)
  d = DequantizeLinear(q, s, z)
  m = LogSoftmax(d)
  mq = QuantizeLinear(m, s, z)
  y = DequantizeLinear(mq, s, z)
}
END
    expect 0 explain coded.graph
    grep -q "^m .* LogSoftmax  *float  *LogSoftmax stays in float between the model's codes: no integer kernel" stdout ||
      wrong "the float island is not named: $(cat stdout)"
    grep -q '^q_codes .* int8 .*the model$' stdout || wrong "the model's codes are not named: $(cat stdout)"
    # The policy's search section, and the command line before it.
    printf '%s\n' 'preset: int8' 'search: {candidates: [int8, int4, int2], solver: greedy, budget: {weights: 100}}' >asked.yaml
    model="small.onnx $bind --policy asked.yaml --calib x.npy --threads 1"
    expect 1 search $model -o asked-for.yaml
    same found-no stderr
    expect 0 search $model --budget weights=200 -o asked-for.yaml
    same greedy.front.json asked-for.front.json
    expect 0 explain $model --expand
    grep -qx 'search: {candidates: \[int8, int4, int2\], metric: output_kl, solver: greedy, budget: {weights: 100}}' stdout ||
      wrong "the search section is not printed"
    model="small.onnx $bind --preset int8 --calib x.npy --threads 1"
    # Flash is foretold within 2 % of what the compiler makes of it; null is an error that was not worth it.
    expect 0 search $model --candidates int8,int2 --budget flash=5KiB --target host -o flash.yaml
    awk -F'[:,]' '/"flash"/ { flash = $2 } /"predicted_flash"/ && flash != " null" {
      n++; if ($2 > 1.02 * flash || $2 < 0.98 * flash) bad = 1 } END { exit bad || n < 2 }' flash.front.json ||
      wrong "flash is not as foretold: $(grep flash flash.front.json)"
    expect 0 search $model --input x.npy --labels labels.npy --budget accuracy_drop=90%,weights=300 -o drop.yaml
    "$qcc" search $model --budget weights=300 -o stopped.yaml >stdout 2>stderr &
  }
  same_code mixed locked
  child=$!
  n=0
  while [ ! -f stopped.yaml.state ] && [ $n -lt 100 ]; do sleep 0.05 && n=$((n + 1)); done
  kill -TERM "$child" 2>/dev/null
  wait "$child" || wrong "a search that is stopped fails: $(cat stderr)"
  [ -f stopped.yaml ] || wrong "a search that is stopped leaves no policy"
}

# cmake --install gives a qcc that needs neither the source nor the build folder.
install() {
  command -v cmake >/dev/null && [ -n "$build" ] || exit 77
  cmake --install "$build" --prefix "$temp/prefix" >log 2>&1 || { cat log; wrong "cmake --install"; }
  qcc=$temp/prefix/bin/qcc
  source=$(cd "$here/../.." && pwd)
  mkdir home && cp small.onnx x.npy home
  cd home || exit 2
  # shellcheck disable=SC2086
  {
    expect 0 list targets
    expect 0 small.onnx $bind --preset int8 --calib x.npy --target cortex-m55 -o out
    expect 0 size small.onnx $bind --preset int8 --calib x.npy --targets host
    expect 0 verify small.onnx $bind --preset int8 --calib x.npy --target host
    grep -r -e "$source" -e "$build" out && wrong "the output names the folder that qcc was built in"
  }
  command -v strace >/dev/null || return
  # shellcheck disable=SC2086
  strace -f -e trace=file -o trace "$qcc" verify small.onnx $bind --preset int8 --calib x.npy --target host >/dev/null 2>&1
  grep -F -e "$source" -e "$build" trace && wrong "it opens files of the folder that it was built in"
}

case $group in
  help | list | json | status | compare | page | browser | stages | output | twice | threads | lock | text | search | install) "$group" ;;
  *) echo "run.sh: no group '$group'" >&2; exit 2 ;;
esac
[ "$failed" -eq 0 ] && echo "$group passed"
[ "$failed" -eq 0 ]
