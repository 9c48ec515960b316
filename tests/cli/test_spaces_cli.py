import json
import subprocess
import sys

import pytest

from nas.cli.main import main
from nas.plugins import space_offers


def run(capsys, *arguments):
    """Exit code, stdout, stderr of `nas spaces ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main(["spaces", *map(str, arguments)])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_spaces_are_listed_with_their_owners(capsys):
    code, out, err = run(capsys)
    assert code == 0
    assert err == ""
    assert any(line.split()[0] == "mbconv" for line in out.splitlines())
    code, out, _ = run(capsys, "--json")
    listed = json.loads(out)["spaces"]
    assert [space["name"] for space in listed] == [offer.name for offer in space_offers()]
    assert set(listed[0]) == {"name", "owner", "target"}


def test_listing_imports_no_space():
    code = (
        "import sys\n"
        "from nas.cli.main import main\n"
        "try:\n    main(['spaces'])\n"
        "finally:\n"
        "    assert 'nas.search_spaces.mbconv' not in sys.modules\n"
        "    assert not {'torch', 'numpy', 'pandas', 'optuna'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr


def test_mbconv_is_described(capsys):
    code, out, err = run(capsys, "mbconv", "--target-flops", "400M", "--samples", 2000)
    assert code == 0
    assert err == ""
    assert "104,485,552,128 networks (exact)" in out
    assert "smallest 51.59M" in out
    assert "largest 884.1M" in out
    assert "at or below 400.0M" in out
    assert "within 5% of 400.0M" in out
    assert "standard error" in out
    assert "multiply-adds" in out


def test_mbconv_in_json_with_the_documented_keys(capsys):
    arguments = ("mbconv", "--target-flops", "400M", "--samples", 2000, "--seed", 3, "--json")
    code, out, _ = run(capsys, *arguments)
    document = json.loads(out)
    assert code == 0
    assert document["size"] == {"networks": 36**6 * 48, "standard_error": 0.0, "exact": True}
    assert document["flops"]["smallest"] == 51_594_768
    assert document["flops"]["largest"] == 884_060_256
    assert document["target"]["flops"] == 400_000_000
    fits = document["target"]["at_or_below"]
    assert fits["share"] == pytest.approx(fits["networks"] / 36**6 / 48)
    # 0.673 by 500,000 draws.
    assert abs(fits["share"] - 0.673) < 0.05
    assert 0 < fits["standard_error"] < 0.02 * 36**6 * 48
    assert document["target"]["within_5_percent"]["networks"] < fits["networks"]
    assert (document["samples"], document["seed"]) == (2000, 3)
    assert run(capsys, *arguments)[1] == out
    _, help_text, _ = run(capsys, "--help")
    for key in (*document, *document["flops"], *document["target"], *fits):
        assert key in help_text


def test_without_a_target_there_is_none(capsys):
    _, out, _ = run(capsys, "mbconv", "--samples", 200, "--json")
    assert json.loads(out)["target"] is None


def test_another_resolution_costs_less(capsys):
    arguments = ("mbconv", "--samples", 200, "--resolution", 96, "--classes", 10, "--json")
    _, out, _ = run(capsys, *arguments)
    document = json.loads(out)
    assert document["resolutions"] == [96]
    assert document["classes"] == 10
    assert document["flops"]["largest"] < 200_000_000


def test_a_space_that_depends_on_the_resolution_is_described_at_it(capsys):
    arguments = ("mbconv-elastic", "--samples", 200, "--classes", 10, "--json")
    document = {px: json.loads(run(capsys, *arguments, "--resolution", px)[1]) for px in (32, 128)}
    assert document[32]["resolutions"] == [32]
    # With B0's strides the smallest would cost a sixteenth of that at 128 px: 0.2M.
    assert document[32]["flops"]["smallest"] > document[128]["flops"]["smallest"] / 4
    assert document[32]["size"] == document[128]["size"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("400", "400 is below the smallest network of the space; did you mean 400M?"),
        ("40M", "40.00M is below the smallest network of the space"),
        ("2G", "2.000G is above the largest network of the space"),
    ],
)
def test_a_target_outside_the_space_is_said_to_be(capsys, target, message):
    code, out, _ = run(capsys, "mbconv", "--samples", 200, "--target-flops", target)
    assert code == 0
    assert message in out


def test_a_space_may_be_named_by_module_and_attribute(capsys):
    _, by_name, _ = run(capsys, "mbconv", "--samples", 200)
    target = "nas.search_spaces.mbconv:MBConvSpace"
    assert run(capsys, target, "--samples", 200)[1] == by_name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mbcnov",), "unknown search space 'mbcnov'; did you mean 'mbconv'?"),
        (("no_such_module:Space",), "no_such_module"),
        (("mbconv", "--target-flops", "400X"), "400X"),
        (("mbconv", "--target-flops", "-3"), "-3"),
        (("--target-flops", "400M"), "needs the NAME"),
        (("mbconv", "--samples", "5"), "--samples"),
        (("mbconv", "--resolution", "0"), "--resolution"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_the_exit_code_reaches_the_shell():
    command = [sys.executable, "-m", "nas", "spaces", "mbcnov"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
