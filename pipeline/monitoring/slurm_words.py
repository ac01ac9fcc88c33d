"""What Slurm says of a job, in words and with a remedy: why it waits, and how it ended."""

import re
import signal

from pipeline.executors.queue import EndedJob

# Slurm's reasons for waiting; others are shown as they are.
WAITING = {
    "None": "just queued",
    "Priority": "other jobs come first",
    "Resources": "next in line for free nodes",
    "Dependency": "for an earlier stage",
    "BeginTime": "requeued, starts again in a moment",
    "Cleaning": "requeued, its last attempt is being cleaned up",
    "JobArrayTaskLimit": "for other tasks of its array (concurrency)",
    "DependencyNeverSatisfied": "in vain, for a job that failed; cancel and launch again",
    "JobHeldUser": "held; release it with scontrol release",
    "JobHeldAdmin": "held by an administrator; ask your cluster's staff",
    "JobHoldMaxRequeue": "held after too many requeues; look at its log, then scontrol release",
    "BadConstraints": "no node has what it asks for; change the site's constraint or gres",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition takes no jobs now",
    "PartitionNodeLimit": "asks for more nodes than its partition allows",
    "PartitionTimeLimit": "asks for more time than its partition allows; lower timeout_min",
    "Reservation": "for its reservation to begin",
    "ReservationDeleted": "for a reservation that is gone; cancel and launch without it",
    "ReqNodeNotAvail": "nodes that fit are down or reserved",
    "NodeDown": "a node that it needs is down",
    "Licenses": "for a license",
    "InvalidAccount": "its account is not valid any more; launch with another one",
    "InvalidQOS": "its qos is not valid any more; launch with another one",
    "AccountNotAllowed": "its partition does not take this account",
    "QOSNotAllowed": "its partition does not take this qos",
    "launch_failed_requeued_held": "held, because a node could not start it; scontrol release",
    "FrontEndDown": "the cluster's front end is down",
}
# Limits are named by whom they bind, and by what they limit: QOSGrpGRES, AssocMaxCpuPerJobLimit.
WHOSE = {"QOSGrp": "the limit of all in this qos", "QOSMax": "your limit in this qos",
         "QOS": "a limit of this qos", "AssocGrp": "your account's limit",
         "AssocMax": "your limit in this account", "Assoc": "a limit of your account",
         "Max": "your limit"}  # fmt: skip
OF_WHAT = {"GRES": "GPUs", "Gres": "GPUs", "CPU": "CPUs", "Cpu": "CPUs", "Memory": "memory",
           "Mem": "memory", "Submit": "submitted jobs", "Jobs": "running jobs", "Node": "nodes",
           "Billing": "billing", "Wall": "time", "Job": "running jobs"}  # fmt: skip
# A limit on one job is never met by waiting.
FOR_EVER = "it asks for more than one job may have, and waits for ever; ask for less"
IN_TIME = "it starts when others of them end"
USED_UP = "what was granted is used up; ask for more, or launch with another account"

EXITS = {
    2: "a wrong option or file",
    126: "the command may not be executed",
    127: "the command is not there",
    137: "killed by signal 9, as when memory is used up",
}
NO_LOG_FOLDER = "0:53"


def why_waiting(reason: str) -> str:
    """Return Slurm's reason for waiting in words."""
    name = reason.split(",")[0].strip("() ")
    if name in WAITING:
        return WAITING[name]
    whose = next((text for start, text in WHOSE.items() if name.startswith(start)), None)
    what = next((text for part, text in OF_WHAT.items() if part in name), None)
    if whose is None or what is None:
        return reason
    remedy = IN_TIME
    if re.search(r"PerJob|MaxWall", name):
        remedy = FOR_EVER
    elif re.search(r"Grp\w*Minutes|GrpBilling", name) and "RunMinutes" not in name:
        remedy = USED_UP
    return f"{whose} of {what} is reached ({name}); {remedy}"


def how_ended(job: EndedJob) -> str:
    """Return Slurm's state of an ended job and its exit code in words."""
    if job.exit_code == NO_LOG_FOLDER:
        return f"{job.state}, {job.exit_code}: its log could not be opened; is the folder there?"
    code, _, number = job.exit_code.partition(":")
    if number not in ("", "0"):
        known = number.isdigit() and int(number) in set(signal.Signals)
        name = f" ({signal.Signals(int(number)).name})" if known else ""
        return f"{job.state}, killed by signal {number}{name}"
    if code in ("", "0"):
        return job.state
    meaning = f", {EXITS[int(code)]}" if code.isdigit() and int(code) in EXITS else ""
    return f"{job.state}, exit code {code}{meaning}"
