/* NVRTC: a version, and that nothing is compiled. */
int nvrtcVersion(int *major, int *minor) {
    *major = RELEASE;
    *minor = 0;
    return 0;
}

const char *nvrtcGetErrorString(int status) {
    return status == 0 ? "success" : "not supported by the software device";
}
