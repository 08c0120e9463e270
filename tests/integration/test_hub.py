"""Weights by name from a stand-in hub, and what is said when the hub is away, refuses or sends damaged
files."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmcheck.backends.weights import download, find_cached, folder_digest
from mmcheck.core.errors import WeightsError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.integration.hub_server import StandInHub, read_folder
from tests.integration.tiny_models import make_faster_whisper, make_hf_clip, make_open_clip

MAX_SECONDS = 15
SMALL = {"config.json": b'{"a": 1}', "model.safetensors": bytes(range(256)) * 400, "README.md": b"card"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """Serve one small repository and point huggingface_hub of this process at it, with an empty cache."""
    with StandInHub({"org/small": dict(SMALL)}) as server:
        point_to(server.endpoint, tmp_path / "cache", monkeypatch)
        yield server


def point_to(endpoint: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(**options: object) -> Path:
    return download("org/small", patterns=["config.json", "model.safetensors|model.bin"], **options)  # type: ignore[arg-type]


def test_wanted_files_arrive_whole_and_others_stay_away(hub: StandInHub) -> None:
    folder = fetch()
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == SMALL["model.safetensors"]


def test_a_second_time_needs_no_request(hub: StandInHub) -> None:
    first = fetch()
    asked = len(hub.requests)
    assert fetch() == first
    assert len(hub.requests) == asked


def test_progress_ends_at_the_size_of_the_file(hub: StandInHub) -> None:
    seen: list[tuple[str, int, int | None]] = []
    fetch(on_progress=lambda file, done, total: seen.append((file, done, total)))
    size = len(SMALL["model.safetensors"])
    assert seen[-1] == ("model.safetensors", size, size)


def test_the_first_alternative_that_exists_is_taken(hub: StandInHub) -> None:
    hub.repos["org/small"]["model.bin"] = b"pickled"
    folder = fetch()
    assert not (folder / "model.bin").exists()


def test_optional_files_come_first(hub: StandInHub) -> None:
    hub.repos["org/small"]["tokenizer.json"] = b"{}"
    fetch(optional=["tokenizer.json", "absent.json"])
    gets = [request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /org")]
    assert gets == ["tokenizer.json", "config.json", "model.safetensors"]


def test_an_unreachable_hub_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(f"http://127.0.0.1:{closed_port()}", tmp_path, monkeypatch)
    begin = time.monotonic()
    with pytest.raises(WeightsError, match="cannot reach") as caught:
        fetch(name="the-model")
    assert time.monotonic() - begin < MAX_SECONDS
    hint = str(caught.value.hint)
    assert "mmcheck models pull the-model" in hint
    assert "local model folder" in hint
    assert "--config demo" in hint


def test_a_silent_hub_is_given_up_in_time(hub: StandInHub) -> None:
    hub.stalls.set()
    begin = time.monotonic()
    with pytest.raises(WeightsError, match="cannot reach"):
        fetch(timeout=2)
    assert time.monotonic() - begin < 4


def test_name_resolution_that_hangs_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to("http://hub.invalid", tmp_path, monkeypatch)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: time.sleep(6))
    begin = time.monotonic()
    with pytest.raises(WeightsError, match="no answer within 1 seconds"):
        fetch(timeout=1)
    assert time.monotonic() - begin < 3


def test_the_cache_works_without_a_hub(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    folder = fetch()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    assert fetch() == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch() == folder


def test_offline_mode_without_a_copy_says_so(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE"):
        fetch()
    assert hub.requests == []


def test_a_download_cut_short_is_noticed_and_not_used(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda _seconds: None)
    hub.cut["model.safetensors"] = 0
    with pytest.raises(WeightsError, match=r"cut short"):
        fetch()
    assert find_cached("org/small", ["model.safetensors"]) is None
    hub.cut.clear()
    assert (fetch() / "model.safetensors").read_bytes() == SMALL["model.safetensors"]


def test_a_file_of_the_right_size_and_the_wrong_bytes_is_noticed(hub: StandInHub) -> None:
    hub.flipped.add("model.safetensors")
    with pytest.raises(WeightsError, match="arrived damaged"):
        fetch()
    assert find_cached("org/small", ["model.safetensors"]) is None
    hub.flipped.clear()
    assert (fetch() / "model.safetensors").read_bytes() == SMALL["model.safetensors"]


def test_a_missing_repository_is_named(hub: StandInHub) -> None:
    with pytest.raises(WeightsError, match="no such repository") as caught:
        download("org/absent", patterns=["config.json"])
    assert "org/absent" in caught.value.message


def test_a_gated_repository_asks_for_a_login(hub: StandInHub) -> None:
    hub.gated.add("org/small")
    with pytest.raises(WeightsError, match="gated") as caught:
        fetch()
    assert "hf auth login" in str(caught.value.hint)


def test_a_missing_file_is_named(hub: StandInHub) -> None:
    with pytest.raises(WeightsError, match=r"has no file 'weights.safetensors or weights.bin'"):
        download("org/small", patterns=["weights.safetensors|weights.bin"])


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_hub_in_trouble_is_given_up_in_time(hub: StandInHub, status: int) -> None:
    hub.status = status
    begin = time.monotonic()
    with pytest.raises(WeightsError):
        fetch()
    assert time.monotonic() - begin < MAX_SECONDS


def test_a_cache_that_cannot_be_written_is_named(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError) as caught:
        fetch()
    assert "HF_HOME" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["", "plain", "../../etc", "a/b/c", "org/na me"])
def test_what_is_no_repository_name_is_refused_without_a_request(hub: StandInHub, name: str) -> None:
    with pytest.raises(WeightsError, match="not the name of a hub repository"):
        download(name, patterns=["config.json"])
    assert hub.requests == []


LOADER = """
import json, sys
import numpy
from faster_whisper import WhisperModel
from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text
from mmcheck.backends.whisper_weights import find_whisper

found = {}
for model in sys.argv[1].split(","):
    weights = resolve_image_text(model)
    backend = load_image_text(weights, precision="float32")
    embedding = backend.encode_texts(["a dog"]).tolist()
    found[model] = [weights.backend, weights.ref.kind, weights.ref.sha256, embedding]
whisper = find_whisper("tiny")
model = WhisperModel(str(whisper.ctranslate2), device="cpu", compute_type="float32", local_files_only=True)
options = {"language": "en", "max_new_tokens": 3}
segments, _ = model.transcribe(numpy.ones(16000, numpy.float32), temperature=0, **options)
found["tiny"] = [[segment.tokens for segment in segments], whisper.digest()]
print(json.dumps(found))
"""


def load_by_name(endpoint: str, home: Path, *, offline: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "XDG_CACHE_HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "TRANSFORMERS_OFFLINE"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", LOADER, "hf-hub:org/tiny-clip,org/hf-clip"],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_open_clip_and_whisper_load_by_name_and_then_from_the_cache(tmp_path: Path) -> None:
    """Done when 5: real file formats through HF_ENDPOINT in a fresh process, and again with the hub gone."""
    repos = {
        "org/tiny-clip": read_folder(make_open_clip(tmp_path / "open_clip")),
        "org/hf-clip": read_folder(make_hf_clip(tmp_path / "hf_clip")),
        "Systran/faster-whisper-tiny": read_folder(make_faster_whisper(tmp_path / "whisper")),
    }
    home = tmp_path / "home"
    with StandInHub(repos) as hub:
        first = load_by_name(hub.endpoint, home)
        assert first.returncode == 0, first.stdout + first.stderr
        found = json.loads(first.stdout.splitlines()[-1])
        assert found["hf-hub:org/tiny-clip"][:2] == ["open_clip", "hub"]
        assert found["org/hf-clip"][:2] == ["transformers", "hub"]
        assert len(found["tiny"][1]) == 64
        assert any("faster-whisper-tiny/resolve" in request for request in hub.requests)
    again = load_by_name("http://127.0.0.1:9", home, offline=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(again.stdout.splitlines()[-1]) == found


EARLY = """
import sys
from mmcheck.core.errors import WeightsError
from mmcheck.backends.image_text_backend import resolve_image_text

try:
    resolve_image_text("ViT-B-32", "laion2b_s34b_b79k")
except WeightsError as error:
    print(error.hint)
print("open_clip" in sys.modules)
"""


def test_a_missing_network_is_told_before_the_slow_import(tmp_path: Path) -> None:
    """Importing open_clip takes seconds; with them the error would come after more than 15 on a small
    machine."""
    environment = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{closed_port()}", "HF_HOME": str(tmp_path)}
    environment.pop("HF_HUB_CACHE", None)
    ran = subprocess.run(
        [sys.executable, "-c", EARLY],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    hint, imported = ran.stdout.splitlines()
    assert "mmcheck models pull ViT-B-32/laion2b_s34b_b79k" in hint
    assert imported == "False"


def test_a_pretrained_tag_loads_from_its_repository(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A built-in name with a tag goes the same way; the tag's own activation and normalisation are used."""
    import open_clip
    from open_clip import factory, pretrained

    from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text

    folder = make_open_clip(tmp_path / "tagged", words=False)
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    monkeypatch.setitem(factory._MODEL_CONFIGS, "ViT-Tiny-8", config)
    monkeypatch.setitem(
        pretrained._PRETRAINED, "ViT-Tiny-8", {"own": pretrained._slpcfg(hf_hub="org/tagged/", quick_gelu=True)}
    )
    hub.repos["org/tagged"] = read_folder(folder)
    weights = resolve_image_text("ViT-Tiny-8", "own")
    backend = load_image_text(weights, precision="float32")
    assert weights.ref.repo_id == "org/tagged"
    assert backend._model.visual.preprocess_cfg["resize_mode"] == "squash"  # type: ignore[attr-defined]
    gelu = backend._model.transformer.resblocks[0].mlp.gelu  # type: ignore[attr-defined]
    assert isinstance(gelu, open_clip.transformer.QuickGELU)
    assert len(backend.encode_texts(["a dog"])[0]) == 16


def test_the_digest_does_not_see_the_card(hub: StandInHub) -> None:
    folder = fetch()
    before = folder_digest(folder)
    (folder / "README.md").write_text("another card")
    assert folder_digest(folder) == before
