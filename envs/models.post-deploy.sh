#!/usr/bin/env bash
# menpo3d's source build imports the environment's own numpy and Cython (see build.txt and no-deps.txt).
pip install --no-build-isolation --no-deps menpo3d==0.8.6
