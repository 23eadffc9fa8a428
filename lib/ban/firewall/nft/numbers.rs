//! Our names, and the numbers of linux/netfilter/nf_tables.h.

pub(super) const TABLE: &str = "pipeban";
pub(super) const CHAIN: &str = "prerouting";
pub(super) const MARK: &str = "restored";

pub(super) const SUBSYSTEM: u8 = 10;
pub(super) const INET: u8 = 1;
pub(super) const IPV4: u8 = 2;
pub(super) const IPV6: u8 = 10;
pub(super) const NETDEV: u8 = 5;
pub(super) const BRIDGE: u8 = 7;
pub(super) const PREROUTING: u32 = 0;
pub(super) const INGRESS: u32 = 5;
pub(super) const PRIORITY_RAW: i32 = -300;
pub(super) const DROP: u32 = 0;
pub(super) const ACCEPT: u32 = 1;
pub(super) const REGISTER: u32 = 1;
pub(super) const SET_TIMEOUT: u32 = 0x10;

pub(super) const NEW_TABLE: u16 = 0x0a00;
pub(super) const GET_TABLE: u16 = 0x0a01;
pub(super) const NEW_CHAIN: u16 = 0x0a03;
pub(super) const GET_CHAIN: u16 = 0x0a04;
pub(super) const NEW_RULE: u16 = 0x0a06;
pub(super) const GET_RULE: u16 = 0x0a07;
pub(super) const NEW_SET: u16 = 0x0a09;
pub(super) const GET_SET: u16 = 0x0a0a;
pub(super) const NEW_ELEMENTS: u16 = 0x0a0c;
pub(super) const GET_ELEMENTS: u16 = 0x0a0d;
pub(super) const DEL_ELEMENTS: u16 = 0x0a0e;
pub(super) const GET_GENERATION: u16 = 0x0a10;
pub(super) const GET_FLOW_TABLE: u16 = 0x0a17;

// Attributes; the table's name is the first of each kind of message.
pub(super) const TABLE_NAME: u16 = 1;
pub(super) const TABLE_FLAGS: u16 = 2;
pub(super) const CHAIN_NAME: u16 = 3;
pub(super) const CHAIN_HOOK: u16 = 4;
pub(super) const CHAIN_POLICY: u16 = 5;
pub(super) const CHAIN_TYPE: u16 = 7;
pub(super) const HOOK_NUMBER: u16 = 1;
pub(super) const HOOK_PRIORITY: u16 = 2;
pub(super) const RULE_CHAIN: u16 = 2;
pub(super) const RULE_EXPRESSIONS: u16 = 4;
pub(super) const SET_NAME: u16 = 2;
pub(super) const SET_FLAGS: u16 = 3;
pub(super) const SET_KEY_TYPE: u16 = 4;
pub(super) const SET_KEY_LEN: u16 = 5;
pub(super) const SET_ID: u16 = 10;
pub(super) const ELEMENTS_SET: u16 = 2;
pub(super) const ELEMENTS: u16 = 3;
pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const ELEMENT_TIMEOUT: u16 = 4;
pub(super) const ELEMENT_EXPIRATION: u16 = 5;
pub(super) const LIST_ITEM: u16 = 1;
pub(super) const DATA_VALUE: u16 = 1;
pub(super) const DATA_VERDICT: u16 = 2;
pub(super) const VERDICT_CODE: u16 = 1;
pub(super) const EXPRESSION_NAME: u16 = 1;
pub(super) const EXPRESSION_DATA: u16 = 2;
pub(super) const LOOKUP_SET: u16 = 1;
pub(super) const IMMEDIATE_DATA: u16 = 2;
pub(super) const GENERATION_ID: u16 = 1;
pub(super) const FLOW_TABLE_NAME: u16 = 2;
