"""The main graph, as a process: what runs again after what change, and what comes out."""

from __future__ import annotations

import json
import shutil

MAPPED = ("clip", "track", "clean", "good", "chosen", "drawn_clip", "clip_file")
PER_FRAME = ("picture", "drawn", "thumb")
COLLECTING = ("samples", "thumbs", "coco", "yolo", "preview")


def test_result_adds_up_and_names_what_was_published(first_run):
    site, ended = first_run
    result = ended.json
    assert list(result) == ["ok", "run", "seconds", "nodes", "outputs", "errors"]
    assert (result["ok"], result["run"], result["errors"]) == (True, 1, [])
    for node in result["nodes"].values():
        assert node["items"] == node["executed"] + node["cached"] + node["failed"] + node["skipped"]
    out = site.folder / "out/camera_motion"
    published = {name: told for name, told in result["outputs"].items() if "path" in told}
    assert published == {name: {"path": str(out / name)} for name in ("coco", "yolo", "preview")}
    records = {f"{name}.provenance.jsonl" for name in published}
    assert {path.name for path in out.iterdir()} == published.keys() | records
    document = json.loads((out / "coco/annotations.json").read_text())
    assert len(document["images"]) == len(list((out / "coco/images").rglob("*.*"))) > 0


def test_second_run_executes_nothing_and_comes_to_the_same(site, first_run):
    again = site.run()
    assert again.exit == 0
    assert again.executed() == {}
    before = {name: node["items"] for name, node in first_run[1].json["nodes"].items()}
    assert {name: node["items"] for name, node in again.json["nodes"].items()} == before


def test_data_set_in_another_folder_is_all_cached(site):
    (site.folder / "data").rename(site.folder / "elsewhere")
    assert site.run(data="elsewhere").executed() == {}


def test_one_more_photo_runs_one_item_of_each_mapped_node(site):
    frames_before = site.run().json["nodes"]["picture"]["items"]
    site.take_photos(3)
    planned = site.plan()
    ended = site.run()
    executed = ended.executed()
    assert executed.pop("photos") == 1
    assert all(executed.pop(node) == 1 for node in MAPPED)
    new_frames = ended.json["nodes"]["picture"]["items"] - frames_before
    assert 0 < new_frames < frames_before
    assert all(executed.pop(node) == new_frames for node in PER_FRAME)
    assert executed.pop("frames") == new_frames
    assert all(count == 1 for name, count in executed.items() if name not in COLLECTING), executed
    assert planned["photos"]["reasons"] == ["1 of 3 inputs changed"]
    assert all((planned[node]["cached"], planned[node]["run"]) == (2, 1) for node in MAPPED)


def test_changed_param_runs_its_node_and_what_depends_on_it_as_planned(site):
    longer = ("--set", "clip.frames=6", "--set", "track.preset=ultrafast")
    planned = site.plan(settings=longer)
    assert (planned["photos"]["run"], planned["photos"]["reasons"]) == (0, [])
    assert planned["clip"]["reasons"] == ["param frames: 4 → 6"]
    assert planned["clip"]["run"] == 2
    assert planned["track"]["reasons"] == ["2 of 2 inputs changed"]
    ended = site.run(settings=longer)
    executed = ended.executed()
    assert "photos" not in executed
    assert executed["clip"] == executed["track"] == 2
    for name, count in executed.items():
        assert planned[name]["items"] is None or count <= planned[name]["run"]
    back = site.run()
    assert back.executed() == {}


def test_deleted_export_is_restored_without_running_a_node(site, first_run):
    shutil.rmtree(site.folder / "out")
    assert site.run().executed() == {}
    files = sorted(path.name for path in (site.folder / "out").rglob("*"))
    assert files == sorted(path.name for path in (first_run[0].folder / "out").rglob("*"))


def test_limit_and_items_are_reused_by_the_full_run(site):
    site.take_photos(4)
    first = site.run("--items", "*", "--limit", "3").executed()
    assert first["clip"] == 1
    assert site.run().executed()["clip"] == 1


def test_target_and_force_run_what_they_name(site):
    limited = site.run("--target", "track", "--force", "track").json
    assert list(limited["nodes"]) == ["photos", "clip", "track"]
    assert limited["outputs"] == {}
    assert limited["nodes"]["track"]["executed"] == 2
    assert limited["nodes"]["clip"]["executed"] == 0
    assert site.run().executed() == {}


def test_exported_picture_is_traced_to_its_photo(site):
    picture = next((site.folder / "out/camera_motion/coco/images").rglob("*.*"))
    traced = site.command("trace", picture, "--json").json
    (source,) = traced["sources"]
    assert source["node"] == "photos"
    assert (site.data / source["files"][0]).is_file() or next(site.data.rglob(source["files"][0]))
    assert traced["items"][0].startswith(source["item"] + "/")
    assert traced["export"]["nodes"]["clip"]["params"]["frames"] == 4
    assert traced["unchanged"]


def test_provenance_names_no_place_on_the_machine(site):
    for record in (site.folder / "out").rglob("*.provenance.jsonl"):
        text = record.read_text()
        assert '"/' not in text
        assert "site" not in text


def test_intermediates_are_shown_and_written(site):
    keys = site.get("clip").stdout.split()
    assert len(keys) == 2
    assert site.get("clip", "--item", keys[0], "-o", "clip.png").exit == 0
    assert (site.folder / "clip.png").read_bytes().startswith(b"\x89PNG")
    frames = site.get("frames.image").stdout.split()
    assert all(key.rpartition("/")[0] in keys for key in frames)
    boxes = site.get("good", "--item", keys[1], "--json")
    assert set(boxes.json) == {"value", "digest"}
    missing = site.get("clip", "--item", keys[0] + "x")
    assert missing.exit == 1
    assert f"did you mean {keys[0]!r}" in missing.stderr
    assert site.get("clop").exit == 2
