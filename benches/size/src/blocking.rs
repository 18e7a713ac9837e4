//! The same network for the blocking face.

use core::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use embedded_nal::{AddrType, Dns, TcpClientStack, TcpError, TcpErrorKind, nb};
