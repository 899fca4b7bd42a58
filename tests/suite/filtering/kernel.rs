//! The kernel accepts the filters. If it did not, libpcap would filter in user space and every packet would wake the program.

use socket2::{Domain, SockFilter, Socket, Type};
use tcp_handshake_exporter::capture::Filter;

use super::bpf_machine::fields;
use super::{acks, each_program};

#[test]
fn kernel_accepts_every_filter() {
    let both = Filter {
        expression: Some("port 443 and not net 10.0.0.0/8".into()),
        acks: true,
    };
    for filter in [Filter::default(), acks(), both] {
        each_program(&filter, |link, program| {
            let instructions: Vec<SockFilter> = program
                .get_instructions()
                .iter()
                .map(|instruction| fields(&instruction.to_string()))
                .map(|[operation, jump_true, jump_false, k]| {
                    let narrow = |jump: u32| u8::try_from(jump).unwrap();
                    SockFilter::new(
                        u16::try_from(operation).unwrap(),
                        narrow(jump_true),
                        narrow(jump_false),
                        k,
                    )
                })
                .collect();
            // The kernel checks are equal for every kind of socket; this kind needs no privilege.
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            let accepted = socket.attach_filter(&instructions);
            assert!(
                accepted.is_ok(),
                "{link:?} with {filter:?}: {} instructions, {accepted:?}",
                instructions.len()
            );
            println!("{link:?}: {} instructions", instructions.len());
        });
    }
}
