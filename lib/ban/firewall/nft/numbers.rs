//! Our names, and the numbers of linux/netfilter/nf_tables.h.

pub const TABLE: &str = "pipeban";
pub const CHAIN: &str = "prerouting";
pub const MARK: &str = "restored";

pub const SUBSYSTEM: u8 = 10;
pub const INET: u8 = 1;
pub const IPV4: u8 = 2;
pub const IPV6: u8 = 10;
pub const NETDEV: u8 = 5;
pub const BRIDGE: u8 = 7;
pub const PREROUTING: u32 = 0;
pub const INGRESS: u32 = 5;
pub const PRIORITY_RAW: i32 = -300;
pub const DROP: u32 = 0;
pub const ACCEPT: u32 = 1;
pub const REGISTER: u32 = 1;
pub const SET_TIMEOUT: u32 = 0x10;

pub const NEW_TABLE: u16 = 0x0a00;
pub const GET_TABLE: u16 = 0x0a01;
pub const NEW_CHAIN: u16 = 0x0a03;
pub const GET_CHAIN: u16 = 0x0a04;
pub const NEW_RULE: u16 = 0x0a06;
pub const GET_RULE: u16 = 0x0a07;
pub const NEW_SET: u16 = 0x0a09;
pub const GET_SET: u16 = 0x0a0a;
pub const NEW_ELEMENTS: u16 = 0x0a0c;
pub const GET_ELEMENTS: u16 = 0x0a0d;
pub const DEL_ELEMENTS: u16 = 0x0a0e;
pub const GET_GENERATION: u16 = 0x0a10;
pub const GET_FLOW_TABLE: u16 = 0x0a17;

// Attributes; the table's name is the first of each kind of message.
pub const TABLE_NAME: u16 = 1;
pub const TABLE_FLAGS: u16 = 2;
pub const CHAIN_NAME: u16 = 3;
pub const CHAIN_HOOK: u16 = 4;
pub const CHAIN_POLICY: u16 = 5;
pub const CHAIN_TYPE: u16 = 7;
pub const HOOK_NUMBER: u16 = 1;
pub const HOOK_PRIORITY: u16 = 2;
pub const RULE_CHAIN: u16 = 2;
pub const RULE_EXPRESSIONS: u16 = 4;
pub const SET_NAME: u16 = 2;
pub const SET_FLAGS: u16 = 3;
pub const SET_KEY_TYPE: u16 = 4;
pub const SET_KEY_LEN: u16 = 5;
pub const SET_ID: u16 = 10;
pub const ELEMENTS_SET: u16 = 2;
pub const ELEMENTS: u16 = 3;
pub const ELEMENT_KEY: u16 = 1;
pub const ELEMENT_TIMEOUT: u16 = 4;
pub const ELEMENT_EXPIRATION: u16 = 5;
pub const LIST_ITEM: u16 = 1;
pub const DATA_VALUE: u16 = 1;
pub const DATA_VERDICT: u16 = 2;
pub const VERDICT_CODE: u16 = 1;
pub const EXPRESSION_NAME: u16 = 1;
pub const EXPRESSION_DATA: u16 = 2;
pub const LOOKUP_SET: u16 = 1;
pub const IMMEDIATE_DATA: u16 = 2;
pub const GENERATION_ID: u16 = 1;
pub const FLOW_TABLE_NAME: u16 = 2;
