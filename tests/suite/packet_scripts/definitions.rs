//! Names that a packet script uses: `define c=192.0.2.1:40000 r=203.0.113.1 isn=4294967292`.

use std::net::{IpAddr, SocketAddr};

use tcp_handshake_exporter::packet::{Address, CapturePoint, Direction, Endpoint};

/// The names of a file, followed by the names of the current script.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    names: Vec<Name>,
    /// Number of names that belong to the whole file.
    of_file: usize,
    interfaces: Vec<String>,
}

#[derive(Debug)]
struct Name {
    word: String,
    value: Value,
    used: bool,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Endpoint(Endpoint),
    Host(Address),
    Number(u32),
}

impl Definitions {
    /// Adds one `name=value`.
    pub(super) fn define(&mut self, word: &str) -> Result<(), String> {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is not name=value"))?;
        if self.names.iter().any(|known| known.word == name) {
            return Err(format!("`{name}` is defined twice"));
        }
        let value = if let Ok(number) = value.parse() {
            Value::Number(number)
        } else if let Ok(socket) = value.parse::<SocketAddr>() {
            Value::Endpoint(Endpoint {
                address: socket.ip().into(),
                port: socket.port(),
            })
        } else if let Ok(host) = value.parse::<IpAddr>() {
            Value::Host(host.into())
        } else {
            return Err(format!(
                "`{value}` is neither an address, with or without a port, nor a number"
            ));
        };
        self.names.push(Name {
            word: name.into(),
            value,
            used: false,
        });
        Ok(())
    }

    /// Starts a script: names defined from here on belong to it alone.
    pub(super) fn begin_script(&mut self) {
        self.of_file = self.names.len();
    }

    /// Ends a script. Returns an error if one of its own names is unused.
    pub(super) fn end_script(&mut self) -> Result<(), String> {
        let own = self.names.split_off(self.of_file);
        check_used(&own)
    }

    /// Ends the file. Returns an error if one of its names is unused.
    pub(super) fn end_file(&self) -> Result<(), String> {
        check_used(&self.names)
    }

    /// Resolves `c`, or `c:40001` for another port of the same host.
    pub(super) fn endpoint(&mut self, word: &str) -> Result<Endpoint, String> {
        let (name, port) = match word.split_once(':') {
            Some((name, port)) => (
                name,
                Some(
                    port.parse()
                        .map_err(|_| format!("`{port}` is not a port"))?,
                ),
            ),
            None => (word, None),
        };
        match (self.value(name)?, port) {
            (Value::Endpoint(endpoint), None) => Ok(endpoint),
            (Value::Endpoint(Endpoint { address, .. }) | Value::Host(address), Some(port)) => {
                Ok(Endpoint { address, port })
            }
            (Value::Host(_), None) => Err(format!("`{name}` needs a port here")),
            (Value::Number(_), _) => Err(format!("`{name}` is a number, not an address")),
        }
    }

    /// Resolves `r`, or the host of an endpoint.
    pub(super) fn host(&mut self, name: &str) -> Result<Address, String> {
        match self.value(name)? {
            Value::Endpoint(endpoint) => Ok(endpoint.address),
            Value::Host(address) => Ok(address),
            Value::Number(_) => Err(format!("`{name}` is a number, not an address")),
        }
    }

    /// Evaluates a sequence number: `isn+1`, `isn-1`, `isn+1+10`, `77`. The arithmetic wraps.
    pub(super) fn number(&mut self, sum: &str) -> Result<u32, String> {
        let mut total = 0_u32;
        let mut minus = false;
        for term in sum.split_inclusive(['+', '-']) {
            let word = term.trim_end_matches(['+', '-']);
            let value = match word.parse() {
                Ok(number) => number,
                Err(_) => match self.value(word)? {
                    Value::Number(number) => number,
                    Value::Endpoint(_) | Value::Host(_) => {
                        return Err(format!("`{word}` is not a number"));
                    }
                },
            };
            total = if minus {
                total.wrapping_sub(value)
            } else {
                total.wrapping_add(value)
            };
            minus = term.ends_with('-');
        }
        Ok(total)
    }

    /// Resolves `eth0/in`, `eth0/out`, or `eth0` if the direction is unknown.
    pub(super) fn capture_point(&mut self, word: &str) -> Result<CapturePoint, String> {
        let (name, direction) = match word.split_once('/') {
            Some((name, "in")) => (name, Direction::Entering),
            Some((name, "out")) => (name, Direction::Leaving),
            Some((_, direction)) => return Err(format!("`{direction}` is neither in nor out")),
            None => (word, Direction::Unknown),
        };
        let index = self
            .interfaces
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.interfaces.push(name.into());
                self.interfaces.len() - 1
            });
        let interface = u32::try_from(index + 1).map_err(|error| error.to_string())?;
        Ok(CapturePoint {
            interface,
            direction,
            loopback: name == "lo",
        })
    }

    fn value(&mut self, word: &str) -> Result<Value, String> {
        let name = self.names.iter_mut().find(|name| name.word == word);
        let name = name.ok_or_else(|| format!("`{word}` is not defined"))?;
        name.used = true;
        Ok(name.value)
    }
}

fn check_used(names: &[Name]) -> Result<(), String> {
    match names.iter().find(|name| !name.used) {
        Some(name) => Err(format!("`{}` is defined but not used", name.word)),
        None => Ok(()),
    }
}
