"""Downloads against a server on this machine; no test needs the network."""

import hashlib
import io
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlsd.data import RemoteFile, fetch_dataset, find_entry
from mlsd.data.fetch import fetch_entry
from mlsd.runtime import InputError

BODY = b"click\n" + b"0\n1\n" * 50_000


def packed(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Server:
    """Serves `files`; `cut` breaks the connection off after that many bytes."""

    def __init__(self):
        self.files, self.cut, self.asked = {"/a.csv": BODY}, None, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                body = outer.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: outer.cut])

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch):
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.close()


def entry(server, digest=None, *, file="a.csv", members=()):
    remote = RemoteFile(f"{server.url}/{file}", digest, members)
    return replace(find_entry("movielens-100k"), name="small", folder="small", files=(remote,))


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def names(folder):
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


@pytest.mark.parametrize(
    "digest", [sha256(BODY), f"md5:{hashlib.md5(BODY).hexdigest()}"], ids=["sha256", "md5"]
)
def test_a_good_file_is_fetched_once(server, tmp_path, digest):
    wanted = entry(server, digest)
    folder = fetch_entry(wanted, root=tmp_path)
    assert folder == tmp_path / "small"
    assert (folder / "a.csv").read_bytes() == BODY
    sums = (folder / "SHA256SUMS").read_text()
    assert sums == f"{hashlib.sha256(BODY).hexdigest()}  a.csv\n"
    fetch_entry(wanted, root=tmp_path)
    assert server.asked == ["/a.csv"]


def test_a_wrong_hash_leaves_nothing_behind(server, tmp_path):
    with pytest.raises(InputError, match="does not have the expected hash sha256:0000") as raised:
        fetch_entry(entry(server, "sha256:" + "0" * 64), root=tmp_path)
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == []


def test_a_wrong_hash_leaves_the_files_before_it_whole(server, tmp_path):
    fetch_entry(entry(server, sha256(BODY)), root=tmp_path)
    server.files["/b.csv"] = b"other"
    with pytest.raises(InputError, match="expected hash"):
        fetch_entry(entry(server, sha256(BODY), file="b.csv"), root=tmp_path)
    assert names(tmp_path) == ["SHA256SUMS", "a.csv", "small"]
    assert (tmp_path / "small/a.csv").read_bytes() == BODY


def test_a_damaged_copy_is_fetched_again(server, tmp_path):
    folder = fetch_entry(entry(server, sha256(BODY)), root=tmp_path)
    (folder / "a.csv").write_bytes(b"damaged")
    fetch_entry(entry(server, sha256(BODY)), root=tmp_path)
    assert (folder / "a.csv").read_bytes() == BODY


def test_404(server, tmp_path):
    with pytest.raises(InputError, match="nowhere.csv: the server answers 404"):
        fetch_entry(entry(server, file="nowhere.csv"), root=tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("digest", [None, sha256(BODY)])
def test_an_interrupted_download_leaves_nothing_behind(server, tmp_path, digest):
    server.cut = 1_000
    with pytest.raises(InputError, match="failed or broke off") as raised:
        fetch_entry(entry(server, digest), root=tmp_path)
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == []


def test_no_server(server, tmp_path):
    wanted = entry(server)
    server.close()
    with pytest.raises(InputError, match="failed or broke off"):
        fetch_entry(wanted, root=tmp_path)
    server.__init__()


def test_without_a_published_hash_the_first_fetch_is_trusted_and_held(server, tmp_path):
    folder = fetch_entry(entry(server), root=tmp_path)
    (folder / "a.csv").unlink()
    server.files["/a.csv"] = b"changed"
    with pytest.raises(InputError, match=f"expected hash {sha256(BODY)}"):
        fetch_entry(entry(server), root=tmp_path)
    assert names(folder) == ["SHA256SUMS"]
    server.files["/a.csv"] = BODY
    fetch_entry(entry(server), root=tmp_path)
    assert (folder / "a.csv").read_bytes() == BODY


def test_members_of_an_archive_are_taken_out(server, tmp_path):
    data = packed({"x/u.data": b"1\n", "x/day-1.pkl": b"2", "x/day-2.pkl": b"3", "x/no": b"4"})
    server.files["/x.zip"] = data
    wanted = entry(server, sha256(data), file="x.zip", members=("x/u.data", "*/day-?.pkl"))
    folder = fetch_entry(wanted, root=tmp_path)
    assert names(folder) == ["SHA256SUMS", "day-1.pkl", "day-2.pkl", "u.data", "x.zip"]
    (folder / "u.data").unlink()
    fetch_entry(wanted, root=tmp_path)
    assert (folder / "u.data").read_bytes() == b"1\n"
    assert server.asked == ["/x.zip"]


def test_members_cannot_leave_the_folder(server, tmp_path):
    server.files["/x.zip"] = packed({"../../evil.pkl": b"1"})
    fetch_entry(entry(server, file="x.zip", members=("*.pkl",)), root=tmp_path / "root")
    assert names(tmp_path) == ["SHA256SUMS", "evil.pkl", "root", "small", "x.zip"]
    assert (tmp_path / "root/small/evil.pkl").is_file()


def test_archives_that_are_none_or_lack_a_member(server, tmp_path):
    server.files["/x.zip"] = b"no archive"
    with pytest.raises(InputError, match="x.zip: no readable zip archive .* it was removed"):
        fetch_entry(entry(server, file="x.zip", members=("u.data",)), root=tmp_path / "1")
    assert names(tmp_path / "1") == []
    server.files["/x.zip"] = packed({"u.user": b"1"})
    with pytest.raises(InputError, match="x.zip: holds no u.data"):
        fetch_entry(entry(server, file="x.zip", members=("u.data",)), root=tmp_path / "2")


def test_a_mirror_serves_a_catalogued_set_under_its_published_hash(server, tmp_path):
    server.files["/mirror/ml-100k.zip"] = packed({"ml-100k/u.data": b"not the real one"})
    with pytest.raises(InputError, match="/mirror/ml-100k.zip: .*md5:0e33842e24a9c977be4e0107933c"):
        fetch_dataset("movielens-100k", root=tmp_path, base_url=f"{server.url}/mirror/")
    assert server.asked == ["/mirror/ml-100k.zip"]
    assert names(tmp_path) == []


def test_a_file_in_place_of_the_folder(server, tmp_path):
    (tmp_path / "small").write_text("in the way")
    with pytest.raises(InputError, match="small: cannot write to"):
        fetch_entry(entry(server), root=tmp_path)


def test_a_progress_bar_is_shown_on_request(server, tmp_path, capsys):
    fetch_entry(entry(server), root=tmp_path, progress=True)
    assert "100%" in capsys.readouterr().err
