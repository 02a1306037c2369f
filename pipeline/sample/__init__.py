"""The embedded sample: made heads, written in the layouts of the licensed sets.

mesh         fields on a triangle mesh: borders, harmonic weights, bells
heads        the topology: the packaged template, with a mouth behind its lips
mouth        cavity, gums, teeth and tongue
identity     who a face is: Gaussian-process deformations
actions      what a face does, gathered from `muscles`, `jaw` and `lids`
expressions  which actions come together
regions      where on a head is what
appearance   skin, lips, brows, beard, lashes; `eyes` the eyeballs
wardrobe     neck and clothes, drawn but not part of the topology; `hair` the hair
scene        pose, focal length, light and background
photo        all of these in one picture; `marks` where an annotator marks its landmarks
population   a head with everything that people are drawn from
emotionet    photos and their list of URLs
fourdfab     clips of meshes and their manifest
layouts      single files
"""
