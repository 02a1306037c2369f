"""Every reader of bytes that strangers may have made, by name."""

from collections.abc import Mapping

from tests.fuzz import clip_readers, mesh_readers, model_readers, photo_readers, shard_readers, table_readers
from tests.fuzz.subject import Subject

TOPICS = (photo_readers, mesh_readers, model_readers, clip_readers, table_readers, shard_readers)
SUBJECTS: Mapping[str, Subject] = {name: subject for topic in TOPICS for name, subject in topic.SUBJECTS.items()}
