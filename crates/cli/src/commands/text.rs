//! How keys and numbers look in text for people.

use crate::format::tsv;

/// Longest key that is shown whole, in characters.
const SHOWN_CHARS: usize = 48;

/// `key` with quotes, escaped, its middle left out if it is long.
pub(crate) fn key(key: &[u8]) -> String {
    // Whatever is behind this cannot be seen anyway.
    let far = 4 * SHOWN_CHARS;
    if key.len() > 2 * far {
        return shortened(&tsv::escaped(&key[..far]), &tsv::escaped(&key[key.len() - far..]));
    }
    let text = tsv::escaped(key);
    if text.chars().count() <= SHOWN_CHARS {
        format!("\"{text}\"")
    } else {
        shortened(&text, &text)
    }
}

fn shortened(first: &str, last: &str) -> String {
    let head: String = first.chars().take(SHOWN_CHARS / 2).collect();
    let mut tail: Vec<char> = last.chars().rev().take(SHOWN_CHARS / 2).collect();
    tail.reverse();
    format!("\"{head}..{}\"", tail.into_iter().collect::<String>())
}

/// `number` with a comma between each three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_lose_their_middle() {
        assert_eq!(key(b"a\tb"), "\"a\\tb\"");
        let long = key(&[b"start".as_slice(), &[b'x'; 5000], b"end"].concat());
        assert!(
            long.starts_with("\"startx") && long.ends_with("xend\"") && long.len() < 60,
            "{long}"
        );
        let medium = key(&[b"start".as_slice(), &[b'x'; 100], b"end"].concat());
        assert_eq!(medium, long);
    }

    #[test]
    fn thousands_are_parted() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(number), text);
        }
    }
}
