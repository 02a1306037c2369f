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
detected_term  landmarks of a detector whose habits are known, with what errs together
dense_term     points where they were learnt to be seen, with their uncertainty
dense_fit      coarse to fine: landmarks, then dense landmarks seen through that fit
training_examples  rendered people, fitted, for learning where dense landmarks are seen

joint_groups   photos that share an identity, a clip's frames in a row
joint_arrow    their matrix, solved in time proportional to the frames
joint_solver   the same Levenberg-Marquardt over groups
joint_fit      a person's photos, or clips, fitted together
covariance     how far a coefficient may be from the truth, within its bounds

texture_sites    the vertices at which a face's look is sampled, and what a photo shows there
texture_model    what faces look like, learnt from photos: robust PCA with missing entries
photometric_term the photo against that, the texture projected out
"""
