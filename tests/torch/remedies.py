"""What an autopsy says would have let a request through, and what it says would not: each is done to a run of the same program, and PyTorch
says whether it does."""

import re

#: How a setting is called that is tried.
SETTING = "PYTORCH_CUDA_ALLOC_CONF="


def tried(case, said, report, again):
    """Every remedy as a figure: the word of PyTorch when it is really done, and the autopsy's. `again` runs the program with other
    variables of its environment and another setting, not recorded, and says what it printed."""
    if said["at"] < 0 or not report["ooms"]:
        return
    failed = report["ooms"][0]
    at = said["at"]
    until = {"COURSE_UNTIL": at + 1}
    for remedy in failed["would_have_fit"]:
        what, bytes = remedy["what"], remedy["bytes"]
        if what.startswith(SETTING):
            real = again(until, setting(case, what))
            yield f"remedy {short(what)}", served(real, at), "serves it"
            left = capacity(failed) - real["reserved"]
            yield f"remedy {short(what)}, left", left, bytes
        elif what.startswith("cached segments"):
            yield "remedy empty_cache()", served(again(until | {"COURSE_EMPTY": 1}, case.setting), at), "serves it"
        elif what == "a smaller request":
            yield "remedy a smaller request", served(again(until | {"COURSE_LAST": bytes}, case.setting), at), "serves it"
        elif what.startswith("without"):
            pins = [str(said["live"][hex(pin["address"])]) for pin in failed["pinning"]]
            real = again(until | {"COURSE_DROP": ",".join(pins)}, case.setting)
            yield "remedy without what pins it", served(real, at), "serves it"
        elif what.startswith("so much more"):
            more = {"SOFTWARE_DRIVER_CAPACITY": f"{(256 << 20) + bytes}"}
            yield "remedy more memory", served(again(until | more, case.setting), at), "serves it"
    for vain in failed["would_not_have_fit"]:
        if vain["what"].startswith(SETTING) and vain["refuted"]:
            real = again(until, setting(case, vain["what"]))
            before = "already" in vain["why"]
            yield f"in vain {short(vain['what'])}", served(real, at), "refused before" if before else "refused too"
            if most := re.search(r"reserves ([\d.]+) MiB at most", vain["why"]):
                yield f"in vain {short(vain['what'])}, reserved", peak(real), round(float(most.group(1)) * (1 << 20))


def served(real, at):
    """What PyTorch did with the request."""
    if real["at"] < 0:
        return "serves it"
    return "refused too" if real["at"] == at else "refused before"


def peak(real):
    return real["devices"]["cuda:0"]["reserved_bytes.all.peak"]


def capacity(failed):
    """What the allocator could have reserved."""
    return failed["active_bytes"] + failed["inactive_bytes"] + failed["device_free_bytes"]


def short(what):
    return what.removeprefix(SETTING)


def setting(case, what):
    """The setting of a case with one more."""
    return ",".join(filter(None, [case.setting, short(what)]))
