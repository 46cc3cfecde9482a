/* The release that the software runtime is linked as: 13.2, or 12.8. */
const int software_runtime_version = RELEASE >= 13 ? 13020 : 12080;
