import numpy as np

from models3d.landmarks import LandmarkSource
from pipeline.crops import canonical_landmarks_px, to_crop
from pipeline.marked_photos import marked_photos, read_crop
from pipeline.photo_tables import read_index
from pipeline.shards import read_shard
from tests.pipeline.fitted_photos import write_landmarks, write_photos


def test_photos_stand_in_the_order_of_their_landmarks(template_model, tmp_path):
    crowd = write_photos(tmp_path, template_model, 3)
    photos = {photo.id: photo for photo in read_index(tmp_path / "index.csv")}
    write_landmarks(tmp_path / "late.h5", ["set/photo0.png"], crowd.landmarks_px[:1])
    write_landmarks(tmp_path / "early.h5", ["set/photo2.png", "set/photo1.png"], crowd.landmarks_px[[2, 1]])
    shards = [read_shard(tmp_path / f"{name}.h5", "landmarks") for name in ("early", "late")]
    marked = marked_photos(shards, photos)
    assert [photo.id for photo in marked.photos] == ["set/photo2.png", "set/photo1.png", "set/photo0.png"]
    np.testing.assert_allclose(marked.landmarks_px, crowd.landmarks_px[[2, 1, 0]], atol=1e-4)
    assert not marked.from_files.any() and not LandmarkSource.MESH.jaw_on_outline and not marked.slides.any()
    last = marked.rows(np.array([2]))
    assert [photo.id for photo in last.photos] == ["set/photo0.png"] and last.sizes_px.tolist() == [[256, 256]]
    canonical = canonical_landmarks_px(template_model, 64, 0.7)
    crop = read_crop(last, 0, canonical, 64)
    assert crop.image.shape == (64, 64, 3)
    nose = to_crop(crop.matrix, crowd.landmarks_px[0, 30:31])[0].astype(int)
    assert crop.image[nose[1], nose[0]].mean() > 150, "a white dot on grey stands at each landmark"
