"""The embedded sample: made heads, in the layouts of the licensed sets.

mesh        fields on a triangle mesh: borders, harmonic weights, bells
heads       the topology: the packaged template, with a mouth behind its lips
mouth       cavity, gums, teeth and tongue
identity    Gaussian-process deformations
actions     what a face does, as displacements
appearance  skin, lips, brows, eyes, beard, teeth
wardrobe    hair, neck and clothes: drawn, but not part of the topology
scene       pose, focal length, light and background
marks       where an annotator marks its landmarks
layouts     the files
"""
