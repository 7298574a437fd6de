"""The children that render: killed, reused, replaced, shared between threads, and told nothing."""

from __future__ import annotations

import functools
import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from feed import rendering
from feed.rendering import InvalidPicture, RenderingFailed, RenderPool

ROOT = Path(rendering.__file__).parent.parent
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")


@functools.cache
def photo(size=(400, 300), **options):
    buffer = io.BytesIO()
    image = Image.radial_gradient("L").resize(size)
    image.convert("RGB").save(buffer, "JPEG", **options)
    return buffer.getvalue()


@functools.cache
def monster():
    """A progressive JPEG with as many scans as are let through, on as many pixels: many seconds."""
    data = photo((5_000, 5_000), progressive=True, quality=20)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 85 + b"\xff\xd9"


def canvas():
    """A PNG of the most pixels that are let through."""
    buffer = io.BytesIO()
    Image.new("RGB", (5_000, 5_000)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@pytest.fixture
def pool():
    with RenderPool(children=2) as opened:
        yield opened


def only_pid(pool):
    (pid,) = pool.pids
    return pid


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(condition, seconds=5.0):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def test_render_makes_a_picture_and_names_what_it_refuses():
    rendition = rendering.render(photo(), "image/jpeg")

    assert (rendition.width, rendition.height) == (400, 300)
    assert [file.width for file in rendition.files] == [320, 400]
    with pytest.raises(InvalidPicture, match=r"markup.*Declared as image/png"):
        rendering.render(b"<svg/>", "image/png")
    with pytest.raises(InvalidPicture) as refusal:
        rendering.render(b"<svg/>", "image/png\r\n<script>")
    assert "Declared" not in refusal.value.reason


def test_child_is_started_late_and_kept_warm(pool):
    assert not pool.pids

    pool.render(photo(), None)
    first = only_pid(pool)
    pool.render(photo(), None)

    assert only_pid(pool) == first


def test_child_is_replaced_after_its_share_of_pictures():
    with RenderPool(pictures_per_child=2) as pool:
        pool.render(photo(), None)
        first = only_pid(pool)
        pool.render(photo(), None)

        assert not pool.pids
        assert is_gone(first)
        assert pool.render(photo(), None).files


def test_monster_is_stopped_by_its_processor_time_and_the_next_picture_served():
    with RenderPool(cpu_seconds=1) as pool:
        pool.render(photo(), None)
        first = only_pid(pool)

        with pytest.raises(InvalidPicture, match="1 seconds of processor time"):
            pool.render(monster(), None)

        assert is_gone(first)
        assert pool.render(photo(), None).files


def test_monster_delays_no_neighbour(pool):
    with ThreadPoolExecutor(2) as threads:
        pool.render(photo(), None)
        hungry = threads.submit(pool.render, monster(), None)
        wait_until(lambda: hungry.running() and pool._busy)

        started = time.monotonic()
        for _ in range(5):
            pool.render(photo(), None)

        assert not hungry.done()
        assert time.monotonic() - started < 2.5
        pool.close()
        with pytest.raises(RenderingFailed):
            hungry.result()


def test_deadline_ends_the_child_without_blaming_the_picture():
    with RenderPool(deadline_seconds=0.3) as pool:
        pool.render(photo(), None)
        first = only_pid(pool)
        started = time.monotonic()

        with pytest.raises(RenderingFailed, match=r"0\.3 seconds") as failure:
            pool.render(monster(), None)

        assert time.monotonic() - started < 1.5
        assert not failure.value.is_permanent
        assert is_gone(first)
        assert pool.render(photo(), None).files


def test_child_that_stands_still_meets_the_deadline_even_while_it_is_written_to():
    with RenderPool(deadline_seconds=0.3) as pool:
        pool.render(photo(), None)
        os.kill(only_pid(pool), signal.SIGSTOP)

        with pytest.raises(RenderingFailed):
            pool.render(bytes(4_000_000), None)

        assert pool.render(photo(), None).files


def test_memory_limit_refuses_the_picture_and_spares_the_child():
    with RenderPool(memory_bytes=120 * 2**20) as pool:
        pool.render(photo(), None)
        first = only_pid(pool)

        with pytest.raises(InvalidPicture, match="more than 120 MiB of memory"):
            pool.render(canvas(), None)

        assert only_pid(pool) == first
        assert pool.render(photo(), None).files


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_killed_while_idle_is_replaced_unnoticed(pool, number):
    pool.render(photo(), None)
    killed = only_pid(pool)

    os.kill(killed, number)

    assert pool.render(photo(), None).files
    assert killed not in pool.pids


def test_child_killed_at_work_costs_a_second_try_only(pool):
    pool.render(photo(), None)
    killed = only_pid(pool)
    os.kill(killed, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.render, photo(), None)
        wait_until(lambda: pool._busy)

        os.kill(killed, signal.SIGKILL)

        assert waiting.result().files
    assert killed not in pool.pids


def test_decoder_that_crashes_is_the_pictures_fault(pool):
    pool.render(photo(), None)
    crashing = only_pid(pool)
    os.kill(crashing, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.render, photo(), None)
        wait_until(lambda: pool._busy)

        os.kill(crashing, signal.SIGSEGV)
        os.kill(crashing, signal.SIGCONT)

        with pytest.raises(InvalidPicture, match=r"crashes the decoder \(SIGSEGV\)"):
            waiting.result()
    assert is_gone(crashing)


def test_many_threads_share_the_children_and_get_their_own_pictures(pool):
    sizes = [(20 + index, 10 + 2 * index) for index in range(60)]

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda size: pool.render(photo(size), None), sizes))

    assert [(rendition.width, rendition.height) for rendition in made] == sizes
    assert 1 <= len(pool.pids) <= 2


def test_interrupted_thread_does_not_get_the_last_answer_for_the_next_picture(pool):
    pool.render(photo(), None)
    handler = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            pool.render(monster(), None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)

    assert pool.render(photo((50, 40)), None).width == 50


def test_closed_pool_leaves_nobody_and_serves_nobody(pool):
    pool.render(photo(), None)
    pid = only_pid(pool)

    pool.close()
    pool.close()

    assert is_gone(pid)
    with pytest.raises(RenderingFailed, match="closed"):
        pool.render(photo(), None)


@needs_proc
def test_child_has_no_secret_no_socket_and_no_way_to_open_one(pool, monkeypatch):
    monkeypatch.setenv("PARTICLE_ACCESS_TOKEN", "very-secret")
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        pool.render(photo(), None)
        process = Path("/proc", str(only_pid(pool)))

        environment = (process / "environ").read_bytes()
        assert b"very-secret" not in environment
        assert {line.partition(b"=")[0] for line in environment.split(b"\0") if line} <= {
            b"LC_CTYPE",  # Python's own
            b"LD_LIBRARY_PATH",
            b"MALLOC_MMAP_THRESHOLD_",
            b"MALLOC_TRIM_THRESHOLD_",
        }
        assert {link.name for link in (process / "fd").iterdir()} == {"0", "1", "2", "3"}
        assert (process / "cwd").readlink() == Path("/")
        limits = (process / "limits").read_text()
        assert "Max open files            4 " in limits
        assert "Max core file size        0 " in limits
        maps = (process / "maps").read_text()
        assert "psycopg" not in maps
        assert "_ssl" not in maps
        assert os.getsid(only_pid(pool)) != os.getsid(0)
    finally:
        os.close(read_end)
        os.close(write_end)


def test_child_imports_no_django_and_nothing_else_of_ours():
    program = (
        f"import sys, json; sys.path.insert(0, {str(ROOT)!r}); import feed.render_child as child; "
        "child.set_up_pillow(); child.warm_up(); print(json.dumps(list(sys.modules)))"
    )

    listed = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, check=True, text=True
    )

    modules = json.loads(listed.stdout)
    ours = {"feed", "feed.decoding", "feed.errors", "feed.render_child"}
    assert {name for name in modules if name.split(".")[0] == "feed"} == ours
    roots = {name.split(".")[0] for name in modules}
    assert not roots & {"django", "devices", "portal", "msgspec", "socket", "pickle", "requests"}


@needs_proc
def test_children_die_with_a_parent_that_is_killed():
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from feed.rendering import RenderPool\n"
        "pool = RenderPool()\n"
        "try: pool.render(b'x', None)\n"
        "except Exception: print(*pool.pids, flush=True)\n"
        "sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout
    with parent:
        child = int(parent.stdout.readline())

        parent.kill()

    wait_until(lambda: is_gone(child) or "Z (zombie)" in Path(f"/proc/{child}/status").read_text())


def test_forked_process_has_children_of_its_own_and_exit_is_silent():
    program = f"""
import os, sys, warnings
sys.path.insert(0, {str(ROOT)!r})
from feed.rendering import RenderPool, InvalidPicture
pool = RenderPool()
def ask():
    try: pool.render(b"x", None)
    except InvalidPicture: return pool.pids
before = ask()
if not (pid := os.fork()):
    assert not pool.pids
    inside = ask()
    os._exit(0 if inside and not inside & before else 1)
assert os.waitpid(pid, 0)[1] == 0
assert ask() == before
"""

    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True)

    assert (done.returncode, done.stderr) == (0, b"")


def test_child_that_cannot_start_is_no_fault_of_the_picture(pool, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(RenderingFailed, match="could not be started"):
        pool.render(photo(), None)

    monkeypatch.undo()
    assert pool.render(photo(), None).files


def test_more_threads_than_children_wait_their_turn():
    with RenderPool(children=1) as pool, ThreadPoolExecutor(6) as threads:
        verdicts = [threads.submit(pool.render, data, None) for data in [photo(), b"x"] * 12]

        assert sum(verdict.exception() is None for verdict in verdicts) == 12
        assert len(pool.pids) == 1
