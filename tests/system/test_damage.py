"""A damaged store: the run ends right, with one warning; what is only read is not written."""

from __future__ import annotations

import shutil


def warnings(ended):
    return [line for line in ended.stderr.splitlines() if line.startswith("warning:")]


def blob_of_a_clip(site):
    key = site.get("clip").stdout.split()[0]
    digest = site.get("clip", "--item", key, "--json").json["digest"]
    return next((site.folder / ".nodegraph/blobs").rglob(digest))


def flip(path):
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def test_index_that_does_not_open_is_renamed_and_begun_anew(site, first_run):
    store = site.folder / ".nodegraph"
    for name in ("index.db-wal", "index.db-shm"):
        (store / name).unlink(missing_ok=True)
    (store / "index.db").write_bytes(b"no database" * 500)
    shutil.rmtree(site.folder / "out")
    ended = site.run()
    assert ended.exit == 0
    assert len(warnings(ended)) == 1
    assert list(store.glob("*.damaged-1"))
    assert ended.json["outputs"].keys() == first_run[1].json["outputs"].keys()
    assert site.run().executed() == {}


def test_damaged_clip_is_made_again_when_it_is_needed(site):
    flip(blob_of_a_clip(site))
    ended = site.run("--force", "track", "--force", "clean", "--force", "drawn_clip")
    assert ended.exit == 0
    assert len(warnings(ended)) == 1
    assert "set aside" in warnings(ended)[0]
    again = site.run()
    assert (again.exit, again.executed(), warnings(again)) == (0, {}, [])


def test_damage_nobody_needs_is_not_looked_for(site):
    flip(blob_of_a_clip(site))
    ended = site.run()
    assert (ended.exit, ended.executed(), warnings(ended)) == (0, {}, [])


def test_damaged_exported_file_is_made_again_for_a_new_export(site):
    shutil.rmtree(site.folder / "out")
    for path in (site.folder / ".nodegraph/files").rglob("*"):
        if path.is_file():
            flip(path)
            break
    ended = site.run()
    assert ended.exit == 0
    assert len(warnings(ended)) == 1
    assert (site.folder / "out/camera_motion/coco/annotations.json").is_file()


def test_store_in_the_place_of_a_file_is_a_clear_error(site):
    (site.folder / "file").write_text("")
    for command in (["run", "--store", "file"], ["run", "--store", "file/deeper"]):
        ended = site.run(*command[1:])
        assert ended.exit == 1
        assert "Traceback" not in ended.stderr
        assert "--store" in ended.stderr


def test_reading_commands_make_no_store(site):
    shutil.rmtree(site.folder / ".nodegraph")
    site.plan()
    assert site.get("clip").exit == 1
    assert site.command("cache", "stat").exit == 2
    assert not (site.folder / ".nodegraph").exists()
