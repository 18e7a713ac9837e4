// Made by make.sh: SHA-256 of public keys and certificates, checked with OpenSSL.
pub const SPKI_ROOT: &str = "a4f152f047ff8a131be61242b538442ab6c499a23b99ed7bb31591dc0910f965";
pub const SPKI_INT: &str = "475f122113e365e5622f92997e99264e0fe490e4ff9c7fb5a69f4c47841c11cd";
pub const SPKI_GOOD: &str = "9d9ece65d57ba7f97833ffd903c5a30716ebfd4db07fa7f4d26e4548e3ea140d";
pub const SPKI_SELF: &str = "39fe72270773fbcbdebef50d45bf7a792efa51b69a3338d6282a3ebe17827026";
pub const SPKI_SELFCA: &str = "88a6aa83feb6ff727ef5d840ad651d4ff8d1b23605ab610dcc52e9fbe4540750";
pub const CERTIFICATE_GOOD: &str = "01450df5e36f9c71788000e4cf2f71b7d42d3f3826f6df383a37712faae8e683";
