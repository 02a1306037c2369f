"""The page of sliders, on this machine: `python -m pipeline.sliders`.

`library` finds what a workflow's results offer: photos, the face model, clips. `studio` makes pictures of it, `saving`
files; neither knows of a page. `page` lays them out, `server` guards what comes in.
"""
