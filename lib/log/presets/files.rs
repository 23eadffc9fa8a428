//! The files of presets, and what each is about.

use super::read;

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
    /// The names of its rules.
    pub rules: Vec<&'static str>,
}

/// The names of the rules in a file, in its order.
pub(super) fn rule_names(text: &'static str) -> Vec<&'static str> {
    let mut rules: Vec<_> = read::read(text).rules.iter().map(|r| r.name).collect();
    rules.retain(|name| !name.is_empty());
    rules.dedup();
    rules
}

/// All services, by name.
pub fn list() -> Vec<Service> {
    let service = |(name, text): &(&'static str, &'static str)| {
        let preset = read::read(text);
        Service {
            name,
            title: preset.title,
            forged: Some(preset.forged).filter(|text| !text.is_empty()),
            rules: rule_names(text),
        }
    };
    FILES.iter().map(service).collect()
}
