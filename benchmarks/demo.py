"""The main job's time and memory, against fvcore traces of B0 in the same run.

    python benchmarks/demo.py [--traces 150]

Runs `nas search --target-flops 400M` in a fresh folder, then counts B0 with fvcore as often as
asked, each in a process of its own, one after the other. Prints seconds, their ratio and the peak
memory of the search. The search should take less time than 150 traces, and less than 600 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

TRACES = """
import sys, time, warnings
warnings.simplefilter("ignore")
import torch, logging
logging.disable(logging.WARNING)
from fvcore.nn import FlopCountAnalysis
from nas.archs import find_network
from nas.model import build
network = build(find_network("efficientnet-b0")).eval()
image = torch.zeros(1, 3, 224, 224)
started = time.perf_counter()
for _ in range(int(sys.argv[1])):
    FlopCountAnalysis(network, image).total()
print(time.perf_counter() - started)
"""


def run_search() -> tuple[float, float]:
    """Seconds and peak memory (MB) of the search as a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "nas", "search", "--target-flops", "400M", "--quiet"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    if status:
        sys.exit("the search failed")
    return seconds, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=150)
    traces = parser.parse_args().traces
    seconds, peak_mb = run_search()
    done = subprocess.run(
        [sys.executable, "-c", TRACES, str(traces)], capture_output=True, text=True, check=True
    )
    trace_seconds = float(done.stdout)
    print(
        json.dumps(
            {
                "search_seconds": round(seconds, 2),
                "fvcore_traces": traces,
                "fvcore_seconds": round(trace_seconds, 2),
                "ratio": round(seconds / trace_seconds, 3),
                "search_peak_mb": round(peak_mb, 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
