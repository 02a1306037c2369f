"""Fitting a face model to photos: the energy's terms, and a bounded Gauss-Newton solver over a batch. Torch lives here.

state          what is solved for, and how a step moves it
energy         what a term is: `rows`, `at` a pose, then `cost` and `quadratic`; the priors
points         the term of points that should be seen at given pixels
jaw_line       where on a model the sliding jaw line may run
landmark_term  the 68 landmarks as such points
initial_pose   where a fit starts
bounded_step   the step within bounds
solver         Levenberg-Marquardt, each photo with its own damping and end
landmark_fit   all of it together: photos' landmarks in, camera, identity and expression out
"""
