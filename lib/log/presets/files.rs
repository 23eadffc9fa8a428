//! The files of presets, and what each is about.

use super::read::{self, Kind, Preset};

macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!($name, ".txt"))),)*]
    };
}

/// The services and their files, by name.
pub(super) const FILES: [(&str, &str); 77] = files! {
    "apache" "asterisk" "authelia" "authentik" "bsd-ftpd" "caddy" "cockpit" "courier" "cpanel"
    "cyrus-imap" "dovecot" "dropbear" "drupal" "ejabberd" "exim" "freeswitch" "gitea" "gitlab"
    "gitlab-log" "grafana" "guacamole" "haproxy" "home-assistant" "horde" "immich" "jellyfin"
    "kernel" "keycloak" "lighttpd" "mikrotik" "mongodb" "mssql" "murmur" "mysqld" "named"
    "nextcloud" "nginx" "nginx-error" "nrpe" "nsd" "opensmtpd" "openvpn" "pam-generic" "pfsense"
    "phpmyadmin" "postfix" "postfix-preauth" "postgresql" "postgresql-user" "proftpd"
    "proftpd-systemlog" "proxmox" "pure-ftpd" "pve-firewall" "roundcube" "samba" "sendmail"
    "slapd" "sogo" "solid-pop3d" "squid" "sshd" "sshd-preauth" "stunnel" "sudo" "traefik"
    "traefik-common" "uwimap" "vaultwarden" "vpopmail" "vsftpd" "webmin" "wordpress" "xinetd"
    "xrdp" "zimbra" "znc"
};

/// A service for which there are patterns.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// A line that describes it.
    pub title: &'static str,
    /// The way in which a remote party can make it name somebody else, and the condition under
    /// which it cannot (`REASON; safe if …`); `None` if it never can.
    pub forged: Option<&'static str>,
    /// The names of its rules about failures.
    pub rules: Vec<&'static str>,
    /// The names of its rules about successes.
    pub successes: Vec<&'static str>,
}

/// The names of the rules in a file, in its order.
pub(super) fn rule_names(text: &'static str) -> Vec<&'static str> {
    names(&read::read(text), |_| true)
}

/// The names of the rules of some kinds, in their order.
pub(super) fn names(preset: &Preset, is_wanted: impl Fn(Kind) -> bool) -> Vec<&'static str> {
    let rules = preset.rules.iter().filter(|rule| is_wanted(rule.kind));
    let mut names: Vec<_> = rules.map(|rule| rule.name).collect();
    names.retain(|name| !name.is_empty());
    names.dedup();
    names
}

/// All services, by name.
pub fn list() -> Vec<Service> {
    let service = |(name, text): &(&'static str, &'static str)| {
        let preset = read::read(text);
        Service {
            name,
            title: preset.title,
            forged: Some(preset.forged).filter(|text| !text.is_empty()),
            rules: names(&preset, Kind::is_failure),
            successes: names(&preset, |kind| kind == Kind::Success),
        }
    };
    FILES.iter().map(service).collect()
}
