"""Keys and settings of real server processes, and the commands that make them."""

import json
import os
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from bandit import Engine
from bandit.client import Client
from bandit.errors import Unauthorised
from server.command import main


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def multiarm(*arguments, fails=False, **variables):
    """Runs a command, in this process and so not in the server's, and gives what it says."""
    done = CliRunner().invoke(main, arguments, env=variables)
    assert (done.exit_code != 0) == fails, done.output
    return done.stderr.strip().splitlines()[-1] if fails else done.stdout


def make(scope):
    said = multiarm("keys", "create", "--db", "test.db", "--scope", scope, "--owner", "ann", "--json")
    return json.loads(said)


def test_beyond_loopback_with_a_key(start):
    admin = make("admin")["token"]
    server = start("test.db", "--host", "0.0.0.0")
    assert "X-API-Key: $KEY" in server.out.read_text()
    command = server.out.read_text()
    tried = subprocess.run(
        ["bash", "-c", command[command.index("curl ") :]],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KEY": admin},
    )
    assert '"experiment":"greeting"' in tried.stdout
    with Client(server.url) as client, pytest.raises(Unauthorised):
        client.list()


def test_a_revoked_key_is_good_for_nothing_in_any_worker(start, tmp_path, copy):
    with Engine(tmp_path / "test.db") as engine:
        engine.create(copy)
        engine.start("copy")
    server = start("test.db", "--workers", "2")
    first = make("decide")

    def tries(token, times=16):
        def one(number):  # a connection each, so that both workers are asked
            try:
                with Client(server.url, key=token) as client:
                    client.choose("copy", f"u{number}")
            except Unauthorised:
                return 401
            return 200

        with ThreadPoolExecutor(8) as pool:
            return set(pool.map(one, range(times)))

    assert tries(first["token"]) == {200}
    assert tries(None) == {401}
    assert "is revoked" in multiarm("keys", "revoke", first["id"], "--db", "test.db")
    assert tries(first["token"]) == tries(None) == {401}
    listed = json.loads(multiarm("keys", "list", "--db", "test.db", "--json"))
    assert [(key["id"], key["revoked_at"] is not None) for key in listed] == [(first["id"], True)]
    table = multiarm("keys", "list", "--db", "test.db")
    assert first["last_four"] in table
    assert "revoked" in table
    assert first["token"] not in table
    assert server.stop() == 0
    assert not any(first["token"] in line for line in [server.log.read_text(), server.out.read_text()])


def test_settings_of_a_server(start, tmp_path, copy):
    (tmp_path / "multiarm.toml").write_text('alpha = 0.2\ncors_origins = ["https://a.example"]\n')
    server = start("test.db", "--config", "multiarm.toml")
    with Client(server.url) as client:
        assert client.create(copy).analysis.alpha == 0.2
        client.start("copy")
        assert client.choose("copy", "u").reason == "drawn"
        said = multiarm("config", "set", "enable_experiments", "false", "--db", "test.db")
        assert said == "enable_experiments = false (stored)\n"
        off = client.choose("copy", "u")
        assert (off.id, off.variant, off.reason, off.propensity) == ("", "control", "experiments_off", 1.0)
        multiarm("config", "reset", "enable_experiments", "--db", "test.db")
        assert client.choose("copy", "u").reason == "sticky"
        assert sum(variant.decisions for variant in client.results("copy").variants) == 2
    assert server.stop() == 0


def test_the_commands_about_settings(tmp_path):
    def config(*arguments, **more):
        return multiarm("config", *arguments, **more)

    assert "alpha  0.05  default  Of new experiments" in config("show", "alpha")
    assert not (tmp_path / "multiarm.db").exists()
    assert "there is no such file" in config("export", fails=True)
    assert config("set", "alpha", "0.1") == "alpha = 0.1 (stored)\n"
    assert config("set", "cors_origins", '["https://a.example"]') == 'cors_origins = ["https://a.example"] (stored)\n'
    assert config("set", "canary_dwell", "2h") == 'canary_dwell = "2h" (stored)\n'
    assert "alpha: Input should be less than 1, given 3" in config("set", "alpha", "3", fails=True)
    assert "not a setting: alfa; the settings are" in config("set", "alfa", "3", fails=True)
    assert "alpha: is set by MULTIARM_ALPHA" in config("set", "alpha", ".1", fails=True, MULTIARM_ALPHA="0.3")
    shown = json.loads(config("show", "alpha", "--json", MULTIARM_ALPHA="0.3"))
    assert [(one["value"], one["source"]) for one in shown] == [(0.3, "environment")]
    exported = config("export")
    assert tomllib.loads(exported) == {"alpha": 0.1, "cors_origins": ["https://a.example"], "canary_dwell": "2h"}
    config("export", "--out", "all.toml")
    assert (tmp_path / "all.toml").read_text() == exported
    config("import", "all.toml", "--db", "other.db")
    assert config("export", "--db", "other.db") == exported
    (tmp_path / "wrong.toml").write_text("power = 0.9\nalfa = 1\n")
    assert "wrong.toml: not a setting: alfa" in config("import", "wrong.toml", fails=True)
    config("reset")
    assert config("export") == ""
    assert "MULTIARM_ALFA" in config("show", fails=True, MULTIARM_ALFA="1")


def test_the_commands_about_keys():
    assert "there is no such file" in multiarm("keys", "list", fails=True)
    said = multiarm("keys", "create", "--scope", "read", "--owner", "ann", "--expires", "90d")
    assert said.startswith("multiarm_")
    assert len(said.splitlines()) == 1
    assert "expires: 'soon' given" in multiarm(
        "keys", "create", "--scope", "read", "--owner", "ann", "--expires", "soon", fails=True
    )
    assert "api_key 'nope' is unknown" in multiarm("keys", "revoke", "nope", fails=True)
