#!/bin/sh
# Installs the worked plug-in beside a broken one, and uses it as its user would.
# Usage: tests/plugins/run.sh PYTHON    (a Python that has compound-nas and its test tools)
# The packages go to a temporary folder, so that PYTHON's own environment stays as it is.
set -eu

python=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Copies: setuptools writes build folders beside what it builds. The environment's own setuptools
# builds them, so that nothing is downloaded.
cp -R "$here/ghost-nas" "$here/broken-nas" "$work"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --target "$work/site" "$work/ghost-nas" "$work/broken-nas"
PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
cd "$work"

"$python" -m nas plugins
"$python" -m nas spaces ghost --target-flops 140M

# The broken one is reported, and only the broken one.
if "$python" -m nas plugins --check --json >check.json 2>check.log; then
    echo "nas plugins --check did not notice the broken plug-in" >&2
    exit 1
fi
"$python" - <<'CHECK'
import json

rows = json.load(open("check.json"))["plugins"]
broken = {row["owner"].split()[0] for row in rows if row["problem"]}
assert broken == {"broken-nas"}, broken
assert sum(row["owner"].startswith("ghost-nas ") for row in rows) == 4, rows
CHECK

"$python" -m nas search --space ghost --evaluator ghost-toy --target-flops 140M --trials 30 \
    --out run --json >search.json
"$python" - <<'CHECK'
import json

best = json.load(open("search.json"))["best"]
assert best["cost"]["flops"] <= 140_000_000, best["cost"]
assert {stage["block"] for stage in best["spec"]["stages"]} == {"ghost"}
CHECK
"$python" -m nas cost run --verify
"$python" -m nas search --space ghost --evaluator ghost-toy --reward ghost-linear \
    --target-flops 140M --trials 10 --out run-linear --json >/dev/null

"$python" -m pytest -q -p no:cacheprovider "$work/ghost-nas"
echo "plug-ins: installed, listed, searched, built and costed"
