/* The types that LAMMPS' headers name, for a LAMMPS that was built without MPI. */
#ifndef MPI_STUBS
#define MPI_STUBS
typedef int MPI_Comm;
typedef int MPI_Request;
typedef int MPI_Datatype;
typedef int MPI_Op;
typedef int MPI_Fint;
typedef int MPI_Group;
typedef int MPI_Offset;
#define MPI_COMM_WORLD 0
#endif
