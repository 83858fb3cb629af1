# Read by ctest before it runs tests.  Threads of qcc that wait sleep at once; by default they spin first, which
# takes the processor from the tests beside them.
set(ENV{OMP_WAIT_POLICY} passive)
