PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE ban (        -- the last one of each address in each firewall
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,                      -- as promised; NULL: until lifted
    ends INTEGER,                       -- the same, or when it was lifted
    facts BLOB,                         -- what the record said: count=, rule=, line=, ...
    UNIQUE (address, backend)
);
INSERT INTO ban VALUES(1,'203.0.113.7','nft',1795977372688169,NULL,NULL,X'09636f756e743d350961743d323032362d30332d33305430323a31363a31375a0972756c653d73736864096c696e653d4661696c65642061');
INSERT INTO ban VALUES(4,'203.0.113.8','nft',1795977372713376,NULL,NULL,NULL);
INSERT INTO ban VALUES(5,'2001:db8::/64','nft',1795977372717176,NULL,NULL,NULL);
INSERT INTO ban VALUES(6,'198.51.100.1','exec	touch held/{address}	rm held/{address}',1795977372725200,NULL,NULL,NULL);
INSERT INTO ban VALUES(7,'198.51.100.2','none',1795977372733467,NULL,NULL,NULL);
CREATE TABLE past (       -- those before
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    backend TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    ends INTEGER,
    facts BLOB
);
INSERT INTO past VALUES(1,'203.0.113.8','nft',1795977372690276,1795980972690276,1795977372692177,NULL);
CREATE TABLE told (
    backend TEXT PRIMARY KEY,
    ban INTEGER NOT NULL                -- the firewall knows all bans up to this
) WITHOUT ROWID;
INSERT INTO told VALUES('exec	touch held/{address}	rm held/{address}',6);
INSERT INTO told VALUES('nft',5);
INSERT INTO told VALUES('none',7);
CREATE TABLE later (      -- bans whose end a firewall has to be told
    ban INTEGER PRIMARY KEY,
    backend TEXT NOT NULL,
    due INTEGER NOT NULL
);
CREATE TABLE hit (
    scope TEXT NOT NULL,                -- what counts them: hits of one rule never add to another's
    address TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER,                      -- microseconds since 1970; NULL: not known
    last INTEGER,
    detail TEXT NOT NULL,               -- what else the rule has to know
    PRIMARY KEY (scope, address)
) WITHOUT ROWID;
INSERT INTO hit VALUES('threshold 5','192.0.2.9',2,1795977372736090,1795977372736090,'');
CREATE TABLE positions (
    path BLOB NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
    number INTEGER NOT NULL, real BLOB NOT NULL, offset INTEGER NOT NULL,
    head_len INTEGER NOT NULL, head_hash INTEGER NOT NULL,
    tail_len INTEGER NOT NULL, tail_hash INTEGER NOT NULL,
    PRIMARY KEY (path, dev, ino)) WITHOUT ROWID;
INSERT INTO positions VALUES(X'2f7661722f6c6f672f617574682e6c6f67',65024,10036855,1,X'2f7661722f6c6f672f617574682e6c6f67',10,10,5806437905436706430,10,5806437905436706430);
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL UNIQUE,
    sent INTEGER,                       -- when the last mail went, microseconds since 1970
    retry INTEGER NOT NULL DEFAULT 0,   -- after a failure, no earlier than this
    failures INTEGER NOT NULL DEFAULT 0,-- in a row
    left_out INTEGER NOT NULL DEFAULT 0 -- bans for which there was no room
);
INSERT INTO mailbox VALUES(1,'root',NULL,1795977374793816,1,0);
CREATE TABLE mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox INTEGER NOT NULL,
    record BLOB NOT NULL
);
INSERT INTO mail VALUES(1,1,X'3230332e302e3131332e3709636f756e743d35');
CREATE TABLE whois (
    network TEXT PRIMARY KEY,
    asked INTEGER NOT NULL,
    text BLOB                           -- NULL: there was no answer
) WITHOUT ROWID;
INSERT INTO whois VALUES('203.0.113.0/24',1795977372793122,NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('mail',1);
CREATE INDEX past_address ON past (address);
CREATE INDEX hit_last ON hit (scope, last);
CREATE INDEX mail_mailbox ON mail (mailbox, id);
COMMIT;
