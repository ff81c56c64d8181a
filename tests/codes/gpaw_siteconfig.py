# How GPAW is built for the tests: without MPI, whose compiler may be there without its headers.
mpi = False
compiler = "g++"
libraries = ["xc", "openblas"]
