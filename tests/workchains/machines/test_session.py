"""The profile and its daemon."""

import time
from pathlib import Path
from typing import Any


class TestSession:
    def test_no_profile_yet(self, run: Any, tmp_path: Path) -> None:
        printed = run("""
try:
    session.activate()
except InputError as error:
    print(json.dumps([str(error), "aiida" in sys.modules]))
""")
        assert (
            printed[0]
            == f"no AiiDA profile 'alworkflows': {tmp_path}/aiida holds none yet; make one with: alworkflows setup laptop"
        )
        assert not printed[1], "nothing needs to be imported, or made, to say so"
        assert not (tmp_path / "aiida").exists()

    def test_a_profile_of_another_name(self, run: Any) -> None:
        message = run("""
machines.setup("laptop", profile="zinc")
try:
    session.activate("zink")
except InputError as error:
    print(json.dumps(str(error)))
""")
        assert "no AiiDA profile 'zink'" in message
        assert "(did you mean 'zinc'?); it holds: zinc; make one with: alworkflows setup laptop" in message

    def test_a_profile_without_a_broker(self, run: Any, tmp_path: Path, write: Any) -> None:
        folder = write(tmp_path / "machine", profile={"broker": None})
        message = run(f"""
machines.setup({str(folder)!r})
try:
    daemon.require_daemon()
except InputError as error:
    print(json.dumps(str(error)))
""")
        assert message.startswith(
            "the profile 'alworkflows' has no broker, so it cannot run a daemon; give it one with: verdi -p"
        )

    def test_the_daemon_starts_once_answers_and_stops(self, run: Any) -> None:
        started = time.monotonic()
        printed = run("""
machines.setup("laptop")
told = ""
try:
    daemon.require_daemon()
except InputError as error:
    told = str(error)
try:
    first, second = daemon.start_daemon(1), daemon.start_daemon(1)
    required = daemon.require_daemon()
finally:
    daemon.stop_daemon()
after = daemon.daemon_status()
daemon.stop_daemon()
print(json.dumps([told, first.pid == second.pid == required.pid, first.workers, required.workers, after.running]))
""")
        message, same, first, workers, after = printed
        assert "the daemon of profile 'alworkflows' does not run" in message
        assert (same, first, workers, after) == (True, 1, 1, False)
        assert time.monotonic() - started < 60

    def test_a_daemon_that_died_is_not_running(self, run: Any) -> None:
        running = run("""
machines.setup("laptop")
client = daemon._client()
open(client.circus_pid_file, "w").write("999999999")
print(json.dumps(daemon.daemon_status().running))
""")
        assert running is False
