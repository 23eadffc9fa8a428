//! The names of linux/netfilter/nf_tables.h, in the types of their attributes, and our own names.

use nix::libc;

/// The table of all bans, in the family inet.
pub(super) const TABLE: &str = "pipeban";
/// The chain at the hook prerouting with the rules that drop.
pub(super) const CHAIN: &str = "prerouting";
/// A chain without a hook: if it is there with a token, the bans are complete.
pub(super) const RESTORED: &str = "restored";
/// Another one: bans were changed, and no ledger knows. It has a token, too.
pub(super) const UNENTERED: &str = "unentered";
/// A token is the user data of such a chain: this and a number, drawn each time that bans are
/// restored. The program nft does not save it: so after a saved ruleset is loaded the bans are not
/// taken to be complete.
pub(super) const TOKEN: &[u8] = b"pipeban";

/// Constants of the crate libc in another type.
macro_rules! typed {
    ($type:ty: $($name:ident)*) => {
        $(pub(super) const $name: $type = libc::$name as $type;)*
    };
}

/// Kinds of messages: the subsystem's number is in the high byte.
macro_rules! messages {
    ($($name:ident)*) => {
        $(pub(super) const $name: u16 =
            (libc::NFNL_SUBSYS_NFTABLES << 8 | libc::$name) as u16;)*
    };
}

/// Attributes.
macro_rules! attributes {
    ($($name:ident = $number:literal)*) => {
        $(pub(super) const $name: u16 = $number;)*
    };
}

typed!(u8: NFNL_SUBSYS_NFTABLES IPPROTO_TCP IPPROTO_UDP);
typed!(u8: NFPROTO_INET NFPROTO_IPV4 NFPROTO_IPV6 NFPROTO_NETDEV NFPROTO_BRIDGE);
typed!(u32: NF_INET_PRE_ROUTING NF_INET_INGRESS NF_NETDEV_INGRESS NF_DROP NF_ACCEPT);
typed!(u32: NFT_REG_VERDICT NFT_REG_1);
typed!(u32: NFT_SET_ANONYMOUS NFT_SET_CONSTANT NFT_SET_INTERVAL NFT_SET_MAP NFT_SET_TIMEOUT);
typed!(u32: NFT_SET_EVAL NFT_DYNSET_OP_UPDATE NFT_GOTO);
typed!(u32: NFT_META_NFPROTO NFT_META_L4PROTO NFT_CMP_EQ);
typed!(u32: NFT_PAYLOAD_NETWORK_HEADER NFT_PAYLOAD_TRANSPORT_HEADER);
typed!(u32: NFT_REG32_01 NFT_REG32_04);
typed!(i32: NF_IP_PRI_RAW);

messages!(NFT_MSG_NEWTABLE NFT_MSG_GETTABLE);
messages!(NFT_MSG_NEWCHAIN NFT_MSG_GETCHAIN NFT_MSG_DELCHAIN);
messages!(NFT_MSG_NEWRULE NFT_MSG_GETRULE NFT_MSG_DELRULE);
messages!(NFT_MSG_NEWSET NFT_MSG_GETSET NFT_MSG_DELSET);
messages!(NFT_MSG_NEWSETELEM NFT_MSG_GETSETELEM NFT_MSG_DELSETELEM);
messages!(NFT_MSG_GETGEN);
/// Not in the crate libc.
pub(super) const NFT_MSG_GETFLOWTABLE: u16 = NFT_MSG_GETGEN + 7;

attributes!(NFTA_TABLE_NAME = 1 NFTA_TABLE_FLAGS = 2 NFTA_TABLE_HANDLE = 4);
attributes!(NFTA_CHAIN_TABLE = 1 NFTA_CHAIN_NAME = 3 NFTA_CHAIN_HOOK = 4);
attributes!(NFTA_CHAIN_POLICY = 5 NFTA_CHAIN_TYPE = 7 NFTA_CHAIN_USERDATA = 12);
attributes!(NFTA_HOOK_HOOKNUM = 1 NFTA_HOOK_PRIORITY = 2);
attributes!(NFTA_RULE_TABLE = 1 NFTA_RULE_CHAIN = 2 NFTA_RULE_EXPRESSIONS = 4);
attributes!(NFTA_SET_TABLE = 1 NFTA_SET_NAME = 2 NFTA_SET_FLAGS = 3);
attributes!(NFTA_SET_KEY_TYPE = 4 NFTA_SET_KEY_LEN = 5 NFTA_SET_ID = 10 NFTA_SET_EXPR = 17);
attributes!(NFTA_SET_DESC = 9 NFTA_SET_DESC_SIZE = 1 NFTA_SET_TIMEOUT = 11 NFTA_SET_COUNT = 20);
attributes!(NFTA_SET_ELEM_LIST_TABLE = 1 NFTA_SET_ELEM_LIST_SET = 2);
attributes!(NFTA_SET_ELEM_LIST_ELEMENTS = 3);
attributes!(NFTA_SET_ELEM_KEY = 1 NFTA_SET_ELEM_TIMEOUT = 4 NFTA_SET_ELEM_EXPIRATION = 5);
attributes!(NFTA_SET_ELEM_EXPR = 7 NFTA_SET_ELEM_EXPRESSIONS = 11);
attributes!(NFTA_LIST_ELEM = 1);
attributes!(NFTA_DATA_VALUE = 1 NFTA_DATA_VERDICT = 2);
attributes!(NFTA_VERDICT_CODE = 1 NFTA_VERDICT_CHAIN = 2);
attributes!(NFTA_EXPR_NAME = 1 NFTA_EXPR_DATA = 2);
attributes!(NFTA_META_DREG = 1 NFTA_META_KEY = 2);
attributes!(NFTA_CMP_SREG = 1 NFTA_CMP_OP = 2 NFTA_CMP_DATA = 3);
attributes!(NFTA_PAYLOAD_DREG = 1 NFTA_PAYLOAD_BASE = 2);
attributes!(NFTA_PAYLOAD_OFFSET = 3 NFTA_PAYLOAD_LEN = 4);
attributes!(NFTA_BITWISE_SREG = 1 NFTA_BITWISE_DREG = 2 NFTA_BITWISE_LEN = 3);
attributes!(NFTA_BITWISE_MASK = 4 NFTA_BITWISE_XOR = 5);
attributes!(NFTA_LOOKUP_SET = 1 NFTA_LOOKUP_SREG = 2 NFTA_LOOKUP_FLAGS = 5);
attributes!(NFTA_DYNSET_SET_NAME = 1 NFTA_DYNSET_OP = 3 NFTA_DYNSET_SREG_KEY = 4);
attributes!(NFTA_DYNSET_EXPR = 7);
attributes!(NFTA_COUNTER_BYTES = 1 NFTA_COUNTER_PACKETS = 2);
attributes!(NFTA_IMMEDIATE_DREG = 1 NFTA_IMMEDIATE_DATA = 2);
attributes!(NFTA_GEN_ID = 1);
attributes!(NFTA_FLOWTABLE_TABLE = 1 NFTA_FLOWTABLE_NAME = 2);
