"""Editing one photo with a trained checkpoint: `python -m pipeline.edit photo.jpg --set jaw_open=0.6`.

`alignment` finds the face and cuts it as training did, `slider_values` says what may be set, `pasting` brings the
generated face back into the photo. The page of `pipeline.sliders` is made of the same functions.
"""
