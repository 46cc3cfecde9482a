/* Prints an entry of LAYOUTS in layout.rs for the CPython whose headers it is compiled with:
 *
 *     headers=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
 *     cc -I$headers -I$headers/internal layout.c -o layout && ./layout
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#if PY_VERSION_HEX < 0x030b0000
#include <frameobject.h>
#define INNERMOST offsetof(PyThreadState, frame)
#define FRAME PyFrameObject
#define BACK f_back
#define CODE f_code
#define UNIT (PY_VERSION_HEX < 0x030a0000 ? 1 : 2)
#else
#include <internal/pycore_frame.h>
#define FRAME struct _PyInterpreterFrame
#define BACK previous
#if PY_VERSION_HEX < 0x030d0000
#define INNERMOST offsetof(PyThreadState, cframe)
#define CODE f_code
#define INSTRUCTION prev_instr
#else
#define INNERMOST offsetof(PyThreadState, current_frame)
#define CODE f_executable
#define INSTRUCTION instr_ptr
#endif
#endif
#if PY_VERSION_HEX < 0x030a0000
#define LINES co_lnotab
#else
#define LINES co_linetable
#endif

int main(void) {
    printf("    Layout {\n        minor: %d,\n        innermost: %zu,\n", PY_MINOR_VERSION, INNERMOST);
#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030d0000
    printf("        through: None,\n");
#elif PY_VERSION_HEX >= 0x030b0000
    printf("        through: Some(%zu),\n", offsetof(_PyCFrame, current_frame));
#endif
    printf("        back: %zu,\n        code: %zu,\n", offsetof(FRAME, BACK), offsetof(FRAME, CODE));
#if PY_VERSION_HEX < 0x030b0000
    printf("        place: Place::Number { at: %zu, unit: %d },\n", offsetof(FRAME, f_lasti), UNIT);
#else
    printf("        place: Place::Pointer { at: %zu, owner: %zu, code: %zu, traceable: %zu },\n",
           offsetof(FRAME, INSTRUCTION), offsetof(FRAME, owner), offsetof(PyCodeObject, co_code_adaptive),
           offsetof(PyCodeObject, _co_firsttraceable));
#endif
    printf("        file: %zu,\n        function: %zu,\n        first_line: %zu,\n        lines: %zu,\n    },\n",
           offsetof(PyCodeObject, co_filename), offsetof(PyCodeObject, co_name),
           offsetof(PyCodeObject, co_firstlineno), offsetof(PyCodeObject, LINES));
}
