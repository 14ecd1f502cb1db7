# MHEAP_PYTHON is the interpreter itself. What the search path has may be a
# script that chooses one, and takes four times as long to start.

find_program(MHEAP_PYTHON_COMMAND NAMES python3 REQUIRED)
mark_as_advanced(MHEAP_PYTHON_COMMAND)
execute_process(
    COMMAND "${MHEAP_PYTHON_COMMAND}" -c "import sys; print(sys.executable)"
    OUTPUT_VARIABLE MHEAP_PYTHON OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
