import json
import subprocess
import sys

import pytest

from nas.archs import resized
from nas.cli.main import main
from nas.cost import network_cost
from nas.search_spaces.efficientnet import efficientnet_b0


def run(capsys, *arguments):
    """Exit code, stdout, stderr of `nas cost ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main(["cost", *map(str, arguments)])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_b0_is_printed_with_the_definition_in_one_line(capsys):
    code, out, err = run(capsys, "efficientnet-b0")
    assert code == 0
    assert err == ""
    for figure in ("385,814,752", "5,288,548", "6,747,036", "21,322,256 B", "6,021,120 B"):
        assert figure in out
    lines = [line for line in out.splitlines() if "multiply-adds" in line]
    assert len(lines) == 1
    assert "convolution and linear layers" in lines[0]
    assert "stage0" not in out


def test_json_is_one_document_with_the_documented_keys(capsys):
    code, out, _ = run(capsys, "efficientnet-b0", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["flops"] == 385_814_752
    assert document["params"] == 5_288_548
    assert document["activations"] == 6_747_036
    assert document["weight_bytes"] == 21_322_256
    assert document["peak_activation_bytes"] == 6_021_120
    assert document["name"] == "efficientnet-b0"
    assert document["digest"] == efficientnet_b0().digest()
    assert (document["resolution"], document["classes"], document["in_channels"]) == (224, 1000, 3)
    assert document["verification"] is None
    for figure in ("flops", "params", "activations", "weight_bytes"):
        assert sum(stage[figure] for stage in document["stages"]) == document[figure]
    assert max(s["peak_activation_bytes"] for s in document["stages"]) == 6_021_120
    code, help_text, _ = run(capsys, "--help")
    for key in (*document, *document["stages"][0]):
        assert key in help_text


def test_per_stage_shows_stem_stages_and_head(capsys):
    _, out, _ = run(capsys, "efficientnet-b0", "--per-stage")
    firsts = [line.split()[0] for line in out.splitlines() if line.strip()]
    for name in ("stem", *(f"stage{i}" for i in range(7)), "head"):
        assert firsts.count(name) == 1


def test_sizes_are_settings(capsys):
    _, out, _ = run(
        capsys,
        "efficientnet-b0",
        *("--resolution", 65, "--classes", 10, "--in-channels", 1, "--json"),
    )
    document = json.loads(out)
    assert (document["resolution"], document["classes"], document["in_channels"]) == (65, 10, 1)
    arch = resized(efficientnet_b0(), resolution=65, classes=10, in_channels=1)
    assert document["flops"] == network_cost(arch).flops
    assert document["digest"] == arch.digest()


def test_a_file_is_a_network(capsys, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(efficientnet_b0().to_json())
    code, out, _ = run(capsys, path, "--json")
    assert code == 0
    assert json.loads(out)["digest"] == efficientnet_b0().digest()


def test_verify_agrees_and_shows_fvcores_other_counts_apart(capsys):
    code, out, err = run(capsys, "efficientnet-b0", "--verify", "--resolution", 64)
    assert code == 0
    assert err == ""
    assert out.count(" equal") == 5
    assert "DIFFERS" not in out
    assert "fvcore also counts, and these FLOPs do not: batch_norm" in out


def test_verify_in_json(capsys):
    code, out, _ = run(capsys, "efficientnet-b0", "--verify", "--json")
    verification = json.loads(out)["verification"]
    assert code == 0
    assert verification["matches"] is True
    assert verification["fvcore_other"] == {"batch_norm": 13_475_392}
    assert all(
        check["equal"] and check["counted"] == check["by_arithmetic"]
        for check in verification["checks"]
    )
    assert {check["counter"] for check in verification["checks"]} >= {
        "torch FlopCounterMode / 2",
        "fvcore conv + linear",
    }


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_mismatch_ends_with_code_1_and_says_so(capsys, tmp_path, wrong_block, extra):
    content = efficientnet_b0().to_dict()
    content["stages"] = [{"block": wrong_block, "channels": 16, "layers": 1}]
    content["resolution"] = 32
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    code, out, err = run(capsys, path, "--verify", *extra)
    assert code == 1
    assert err.count("\n") == 1
    assert "disagree on flops (torch FlopCounterMode / 2), flops (fvcore conv + linear)" in err
    if extra:
        assert json.loads(out)["verification"]["matches"] is False
    else:
        assert "DIFFERS by -1" in out


def newer(folder):
    path = folder / "newer.json"
    path.write_text(json.dumps(efficientnet_b0().to_dict() | {"schema": 9}))
    return path


def truncated(folder):
    path = folder / "truncated.json"
    path.write_text(efficientnet_b0().to_json()[:300])
    return path


def impossible(folder):
    path = folder / "impossible.json"
    content = efficientnet_b0().to_dict()
    content["stages"] = [{"block": "mbcnov", "channels": 8, "layers": 1}]
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("efficientnet-b9",), "no network 'efficientnet-b9'"),
        (("efficientnet-b0", "--resolution", "0"), "--resolution"),
        (("efficientnet-b0", "--resolution", "big"), "--resolution"),
        (("efficientnet-b0", "--resolution", "99999999"), "resolution is 99999999"),
        (("efficientnet-b0", "--verfy"), "--verfy"),
        ((), "ARCH"),
        ((newer,), "schema 9, newer than the 1"),
        ((truncated,), "not JSON"),
        ((impossible,), "stages[0].block: unknown block kind 'mbcnov'; did you mean 'mbconv'?"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, tmp_path, arguments, message):
    arguments = [each(tmp_path) if callable(each) else each for each in arguments]
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_exit_codes_reach_the_shell_and_counting_needs_no_torch():
    code = (
        "import sys\n"
        "from nas.cli.main import main\n"
        "try:\n    main(['cost', sys.argv[1]])\n"
        "finally:\n    assert not {'torch', 'pandas', 'optuna', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "efficientnet-b0"], capture_output=True)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "nas", "cost", "efficientnet-b9"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.startswith("nas: no network")
    assert refused.stderr.count("\n") == 1
