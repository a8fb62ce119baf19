//! What `chandlery confined` does: gives up the network, other processes and all but a little of the machine, and becomes
//! another program. A filter of system calls needs no rights, neither as a service nor in a pod.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// The name of the command.
pub const COMMAND: &str = "confined";
/// Exit status where the program was not begun.
pub const NOT_BEGUN: u8 = 125;

/// What the program may take.
const LIMITS: [(Resource, u64); 5] = [
    // What it writes to, whatever it has reserved.
    (Resource::Data, 384 * 1024 * 1024),
    (Resource::Cpu, 60),
    (Resource::Fsize, 16 * 1024 * 1024),
    (Resource::Nofile, 256),
    (Resource::Core, 0),
];

/// Calls that reach beyond the process: the network, and other processes.
const REFUSED: [i64; 13] = [
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_io_uring_setup,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_clone3,
    libc::SYS_setns,
];
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: [i64; 2] = [libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: [i64; 0] = [];

/// Becomes the program. Comes back only with the reason why it could not.
pub fn become_program(program: &OsString, arguments: &[OsString]) -> String {
    for (resource, most) in LIMITS {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        if let Err(error) = setrlimit(resource, limit) {
            return format!("the limit {resource:?} cannot be set: {error}");
        }
    }
    let filtered = filter().and_then(|filter| seccompiler::apply_filter(&filter));
    if let Err(error) = filtered {
        return format!("system calls cannot be filtered: {error}");
    }
    // A kernel that takes a filter and does not obey it would be worse than none.
    if UdpSocket::bind(("127.0.0.1", 0)).is_ok() {
        return "the network is still there".to_owned();
    }
    let error = Command::new(program).args(arguments).exec();
    format!("{} cannot be run: {error}", program.to_string_lossy())
}

fn filter() -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .into_iter()
        .chain(REFUSED_HERE)
        .map(|call| (call, Vec::new()))
        .collect();
    // Threads are made, other processes are not.
    let is_process = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64),
        0,
    )?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_process])?]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}
