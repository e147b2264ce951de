"""Artifacts: whole or not there, and whatever is wrong with one is one clear line."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from mlsd.runtime import InputError
from mlsd.serving.artifact import read_artifact, versions, write_artifact
from mlsd.serving.manifest import MANIFEST


def fill(folder):
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    (folder / "model.json").write_text('{"rate": 0.02}')
    return {"rung": "global_rate"}


@pytest.fixture
def artifact(tmp_path):
    return write_artifact(tmp_path, "ad_click", fill)


def test_it_is_read_back_as_it_was_written(artifact):
    assert read_artifact(artifact.folder, case="ad_click") == artifact
    assert artifact.about == {"rung": "global_rate"}


def test_versions_can_be_asked_for_by_what_they_are_made_of(tmp_path):
    first, second = (write_artifact(tmp_path, "c", lambda f, r=r: {"rung": r}) for r in "ab")
    assert versions(tmp_path, "c", {"rung": "a"}) == [first.folder]
    assert versions(tmp_path, "c", {"rung": "a", "size": "x"}) == []
    (second.folder / MANIFEST).unlink()  # whoever reads it is told why
    assert versions(tmp_path, "c", {"rung": "a"}) == [second.folder, first.folder]


def test_versions_stand_newest_first(tmp_path):
    written = [write_artifact(tmp_path, "ad_click", fill) for _ in range(5)]
    write_artifact(tmp_path, "fraud", fill)
    assert versions(tmp_path, "ad_click") == [each.folder for each in reversed(written)]


def test_a_version_is_the_newest_also_after_the_clock_was_set_back(tmp_path, monkeypatch):
    now = time.time()
    written = []
    for clock in (now, now + 1e8, now - 1e8, now, now + 2e8):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        written.append(write_artifact(tmp_path, "ad_click", fill))
        (tmp_path / "ad_click" / "notes").mkdir(exist_ok=True)
    found = [each for each in versions(tmp_path, "ad_click") if each.name != "notes"]
    assert found == [each.folder for each in reversed(written)]
    assert written[2].created_at == now - 1e8
    assert written[-1].version.startswith(f"{datetime.fromtimestamp(now + 2e8, UTC):%Y%m%dT%H%M%S}")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no zone to set here")
def test_names_sort_by_the_time_of_greenwich_to_the_microsecond(tmp_path, monkeypatch):
    moments = [0.000_002, 0.000_031, 0.25, 1.0]
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        patch.setattr(time, "time", iter(moments).__next__)
        written = [write_artifact(tmp_path, "ad_click", fill) for _ in moments]
    time.tzset()
    assert versions(tmp_path, "ad_click") == [each.folder for each in reversed(written)]
    stamps = ["000000.000002", "000000.000031", "000000.250000", "000001.000000"]
    assert [each.version[:-7] for each in written] == [f"19700101T{each}Z" for each in stamps]


@pytest.mark.parametrize("name", ["weights.bin", "model.json"])
@pytest.mark.parametrize("place", [0, -1])
def test_one_flipped_bit_is_found(name, place, artifact):
    path = artifact.folder / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: has changed since it was written; remove"):
        read_artifact(artifact.folder)


@pytest.mark.parametrize("bit", [0x01, 0x40])
def test_one_flipped_bit_of_the_manifest_is_found_wherever_it_is(bit, artifact):
    path = artifact.folder / MANIFEST
    whole = path.read_bytes()
    passed = []
    for place, byte in enumerate(whole):
        path.write_bytes(whole[:place] + bytes([byte ^ bit]) + whole[place + 1 :])
        with suppress(InputError):
            passed.append(read_artifact(artifact.folder))
    # The last digit of the time can be beyond its precision, and changes nothing.
    assert passed in ([], [artifact])


def test_a_truncated_file_is_found(artifact):
    path = artifact.folder / "weights.bin"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"weights\.bin: has 100 bytes instead of 256"):
        read_artifact(artifact.folder)


@pytest.mark.parametrize("name", ["weights.bin", "model.json", MANIFEST])
def test_a_missing_file_is_named(name, artifact):
    (artifact.folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}.*train again"):
        read_artifact(artifact.folder)


def test_a_file_that_nobody_listed_is_named(artifact):
    (artifact.folder / "extra.pkl").write_bytes(b"")
    with pytest.raises(InputError, match=r"extra\.pkl is not in its manifest"):
        read_artifact(artifact.folder)


def test_a_folder_in_place_of_a_file_is_one_line(artifact):
    path = artifact.folder / "weights.bin"
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"weights\.bin"):
        read_artifact(artifact.folder)


@pytest.mark.parametrize("target", ["gone.bin", "weights.bin"])
def test_a_link_to_what_is_gone_or_to_itself_is_one_line(target, artifact):
    path = artifact.folder / "weights.bin"
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(InputError, match=r"weights\.bin: .*; remove the folder and train again"):
        read_artifact(artifact.folder)


@pytest.mark.skipif(os.name == "nt", reason="pipes by name as on Linux and macOS")
@pytest.mark.parametrize("name", ["weights.bin", MANIFEST])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name, tmp_path):
    def empty(folder):
        (folder / "weights.bin").write_bytes(b"")
        return {}

    artifact = write_artifact(tmp_path, "ad_click", empty)
    (artifact.folder / name).unlink()
    os.mkfifo(artifact.folder / name)
    with pytest.raises(InputError, match=f"{name}: is not a plain file"):
        read_artifact(artifact.folder)


def test_another_case_is_refused(artifact):
    with pytest.raises(InputError, match="belongs to case 'ad_click', not to 'fraud'"):
        read_artifact(artifact.folder, case="fraud")


def rewritten(artifact, **changes):
    path = artifact.folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return artifact.folder


def test_another_format_is_told_as_such(artifact):
    with pytest.raises(InputError, match="format 2 is unknown, this version of mlsd reads 1"):
        read_artifact(rewritten(artifact, format=2, whatever="is new"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"files": {"weights.bin": {"sha256": "0" * 64}}}, "bytes.*is missing"),
        ({"files": {"weights.bin": {"sha256": "x", "bytes": 256}}}, "sha256"),
        ({"version": 7}, "version is 7"),
        ({"created_at": "yesterday"}, "created_at is 'yesterday'"),
        ({"surprise": 1}, "unknown key 'surprise'"),
    ],
)
def test_a_manifest_of_another_shape_is_one_line(changes, problem, artifact):
    with pytest.raises(InputError, match=problem):
        read_artifact(rewritten(artifact, **changes))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"format": 1', "[" * 100_000, "\x00", '{"format": true}']
)
def test_what_is_no_manifest_is_one_line(text, artifact):
    (artifact.folder / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=MANIFEST):
        read_artifact(artifact.folder)


def test_a_manifest_that_is_not_text_is_one_line(artifact):
    (artifact.folder / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a manifest"):
        read_artifact(artifact.folder)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    def fill(folder):
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(InputError, match=r"c: no version can be written: No space left.* --art"):
        write_artifact(tmp_path, "c", fill)
    assert list((tmp_path / "c").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line_before_anything_is_fitted(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"no version can be written: Not a directory \(.*file"):
        write_artifact(tmp_path / "file", "c", pytest.fail)


def test_a_failure_while_filling_leaves_nothing(tmp_path):
    def fail(folder):
        fill(folder)
        raise RuntimeError("no fit")

    with pytest.raises(RuntimeError, match="no fit"):
        write_artifact(tmp_path, "ad_click", fail)
    assert list((tmp_path / "ad_click").iterdir()) == []


WRITER = """
import sys, time
from mlsd.serving.artifact import write_artifact
def fill(folder):
    (folder / "weights.bin").write_bytes(b"half")
    print("filling", flush=True)
    time.sleep(60)
    return {}
write_artifact(sys.argv[1], "ad_click", fill)
"""


def test_a_writer_killed_in_the_middle_leaves_no_version(tmp_path):
    before = write_artifact(tmp_path, "ad_click", fill)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"filling\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert versions(tmp_path, "ad_click") == [before.folder]
    (left,) = (tmp_path / "ad_click").glob(".*")
    with pytest.raises(InputError, match=MANIFEST):
        read_artifact(left)
    long_ago = time.time() - 2 * 86_400
    os.utime(left, (long_ago, long_ago))
    write_artifact(tmp_path, "ad_click", fill)
    assert not left.exists()


def test_what_another_writer_has_begun_today_is_left_to_it(tmp_path):
    begun = tmp_path / "ad_click" / ".unfinished-0"
    begun.mkdir(parents=True)
    hours_ago = time.time() - 20 * 3_600
    os.utime(begun, (hours_ago, hours_ago))
    write_artifact(tmp_path, "ad_click", fill)
    assert begun.is_dir()
