//! Names of months and days of the week, as strftime(3) writes them under the languages that
//! systems are set to.
//!
//! The abbreviations are those of glibc's locales (`abmon`, `ab_alt_mon`, `abday`) and of CLDR 47.
//! Japanese, Chinese and Korean months are numbers (`3月`, `3월`), Vietnamese ones too (`Thg 3`,
//! `Th03`);
//! those are read in `known_forms.rs`. Left out are Croatian, whose `lis`, `lip` and `srp` are
//! other months in Polish and Czech, and languages written from right to left.

use std::sync::LazyLock;

/// A language, its months from January on, with `|` between forms of one, and the days of its week
/// in any order.
type Language = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const LANGUAGES: [Language; 37] = [
    ("en", "jan feb mar apr may jun jul aug sep|sept oct nov dec", "sun mon tue wed thu fri sat"),
    ("en, in full",
        "january february march april may june july august september october november december",
        "sunday monday tuesday wednesday thursday friday saturday"),
    ("de", "jan|jän feb mär|märz|mrz apr mai jun|juni jul|juli aug sep|sept okt nov dez",
        "so mo di mi do fr sa"),
    ("fr", "janv févr mars avril|avr mai juin juil août sept oct nov déc",
        "dim lun mar mer jeu ven sam"),
    ("es", "ene feb mar abr may jun jul ago sep|sept oct nov dic", "dom lun mar mié jue vie sáb"),
    ("it", "gen feb mar apr mag giu lug ago set ott nov dic", "dom lun mar mer gio ven sab"),
    ("pt", "jan fev mar abr mai jun jul ago set out nov dez", "dom seg ter qua qui sex sáb"),
    ("nl", "jan feb mrt apr mei jun jul aug sep okt nov dec", "zo ma di wo do vr za"),
    ("pl", "sty lut mar kwi maj cze lip sie wrz paź lis gru", "nie pon wto śro czw pią sob"),
    ("cs", "led úno bře dub kvě čen|čvn čec|čvc srp zář říj lis pro", "ne po út st čt pá so"),
    ("sk", "jan feb mar apr máj jún júl aug sep okt nov dec", "ne po ut st št pi so"),
    ("sl", "jan feb mar apr maj jun jul avg sep okt nov dec", "ned pon tor sre čet pet sob"),
    ("sv", "jan feb mar|mars apr maj jun|juni jul|juli aug sep okt nov dec",
        "sön mån tis ons tor fre lör"),
    ("da", "jan feb mar apr maj jun jul aug sep okt nov dec", "søn man tir ons tor fre lør"),
    ("nb", "jan feb mars|mar april|apr mai juni|jun juli|jul aug sep okt nov des",
        "sø ma ti on to fr lø"),
    ("fi", "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
        "su ma ti ke to pe la"),
    ("et", "jaan veebr märts apr mai juuni juuli aug sept okt nov dets", ""),
    ("lv", "jan|janv feb|febr mar|marts apr mai|maijs jūn jūl aug sep|sept okt nov dec", "sv pk"),
    ("lt", "saus vas kov bal geg birž liep rugp rugs spal lapkr gruod", "sk pr an tr kt pn št"),
    ("tr", "oca şub mar nis may haz tem ağu eyl eki kas ara", "paz pzt sal çrş prş cum cts"),
    ("uk", "січ лют бер кві|квіт тра|трав чер|черв лип сер|серп вер жов|жовт лис|лист гру|груд",
        "нд пн вт ср чт пт сб"),
    ("be", "сту лют сак кра мая|май чэр ліп жні вер кас ліс сне", "няд пан аўт срд чцв пят суб"),
    ("ru",
        "янв фев|февр мар|март апр мая|май июн|июнь июл|июль авг сен|сент окт ноя|нояб дек",
        "вс пн вт ср чт пт сб"),
    ("bg", "яну фев мар|март апр май юни юли авг сеп окт ное дек", "нд пн вт ср чт пт сб"),
    ("mk", "јан фев мар апр мај јун јул авг сеп окт ное дек", "нед пон вто сре чет пет саб"),
    ("sr", "јан феб мар апр мај јун јул авг сеп окт нов дец", "нед пон уто сре чет пет суб"),
    ("el", "ιαν φεβ μαρ|μάρ απρ μαΐ|μάι ιουν|ιούν ιουλ|ιούλ αυγ|αύγ σεπ οκτ νοε|νοέ δεκ",
        "κυρ δευ τρι τετ πεμ παρ σαβ"),
    ("hu", "jan febr márc ápr máj jún júl aug szept okt nov dec", "sze cs szo"),
    ("ro", "ian feb mar apr mai iun iul aug sep|sept oct nov dec", "du lu ma mi jo vi sb"),
    ("id", "jan feb mar apr mei jun jul agu|agt sep okt nov des", "min sen sel rab kam jum sab"),
    ("ms", "jan feb mac apr mei jun jul ogo|ogos sep okt nov dis", ""),
    ("ca", "gen febr març d’abr|abr maig juny jul d’ag|ag set d’oct|oct nov des",
        "dg dl dt dc dj dv ds"),
    ("eu", "urt ots mar api mai eka uzt abu ira urr aza abe", "ig al ar az og or lr"),
    ("gl", "xan feb mar abr mai|maio xuñ|xuño xul ago set out nov dec",
        "dom lun mar mér xov ven sáb"),
    ("is", "jan feb mar apr maí jún júl ágú sep okt nóv des", "sun mán þri mið fim fös lau"),
    ("th", "ม.ค ก.พ มี.ค เม.ย พ.ค มิ.ย ก.ค ส.ค ก.ย ต.ค พ.ย ธ.ค", "อา พฤ"),
    ("zh, ja and ko", "", "日 一 二 三 四 五 六 月 火 水 木 金 土 일 월 화 수 목 금 토 周日 周一 周二 周三 周四 周五 周六"),
];

/// The longest name, in bytes, and some more.
const LONGEST: usize = 32;

/// Names in small letters, in order, each with its month, 1 to 12, or 0 for a day of the week.
static NAMES: LazyLock<Vec<(&str, u8)>> = LazyLock::new(|| {
    let mut names = Vec::new();
    for (_, months, days) in LANGUAGES {
        for (month, forms) in months.split(' ').filter(|m| !m.is_empty()).enumerate() {
            names.extend(forms.split('|').map(|name| (name, month as u8 + 1)));
        }
        names.extend(
            days.split(' ')
                .filter(|d| !d.is_empty())
                .map(|name| (name, 0)),
        );
    }
    names.sort();
    names.dedup();
    names
});

/// A month by its name in one of the languages above, with or without a point, in any case.
pub(super) fn month(name: &[u8]) -> Option<u32> {
    // A name that is a day's too (Spanish mar) has the day first.
    named(name)
        .into_iter()
        .flatten()
        .find(|month| *month > 0)
        .map(u32::from)
}

/// Whether this is a day of the week in one of the languages above.
pub(super) fn is_weekday(name: &[u8]) -> bool {
    named(name)[0] == Some(0)
}

/// The meanings of a name, 0 for a day.
fn named(name: &[u8]) -> [Option<u8>; 2] {
    let mut buffer = [0; LONGEST];
    let Some(name) = lower(name, &mut buffer) else {
        return [None; 2];
    };
    let at = NAMES.partition_point(|(known, _)| *known < name);
    let meaning = |at: usize| {
        NAMES
            .get(at)
            .filter(|(known, _)| *known == name)
            .map(|(_, m)| *m)
    };
    [meaning(at), meaning(at + 1)]
}

/// The name without points at its end, in small letters; `None` if it is too long to be one.
fn lower<'a>(name: &[u8], buffer: &'a mut [u8; LONGEST]) -> Option<&'a str> {
    let name = std::str::from_utf8(name.get(..LONGEST).map_or(name, |_| &[])).ok()?;
    let mut length = 0;
    for c in name
        .trim_end_matches('.')
        .chars()
        .flat_map(char::to_lowercase)
    {
        let place = buffer.get_mut(length..length + c.len_utf8())?;
        length += c.encode_utf8(place).len();
    }
    std::str::from_utf8(&buffer[..length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name means one month, whatever the language.
    #[test]
    fn no_name_is_two_months() {
        for pair in NAMES.windows(2) {
            let [(one, first), (other, _)] = pair else {
                continue;
            };
            assert!(one != other || *first == 0, "{one}");
            assert!(one.len() <= LONGEST);
        }
        for (language, months, _) in LANGUAGES {
            let months = months.split(' ').filter(|m| !m.is_empty()).count();
            assert!(months == 12 || months == 0, "{language}");
        }
    }

    #[test]
    fn in_any_case_with_a_point() {
        for (name, expected) in [
            ("Mär", Some(3)),
            ("MÄR", Some(3)),
            ("märz", Some(3)),
            ("févr.", Some(2)),
            ("ДЕК", Some(12)),
            ("Şub", Some(2)),
            ("mar", Some(3)),
            ("Μαΐ", Some(5)),
            ("ม.ค.", Some(1)),
            ("mo", None),
            ("", None),
            (".", None),
            ("\u{130}", None),
            ("janvierjanvierjanvierjanvierjanvier", None),
        ] {
            assert_eq!(month(name.as_bytes()), expected, "{name}");
        }
        assert_eq!(month(b"\xff\xfe"), None);
        assert!(
            is_weekday("пн".as_bytes()) && is_weekday(b"mar.") && !is_weekday("märz".as_bytes())
        );
    }
}
