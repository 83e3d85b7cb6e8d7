"""The sentences of checks, and of timelines, in Spanish: by their English form (see `sentences` for the fields)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.core.incident import Change
from saasobs.core.result import Reason

REASONS: Final[Mapping[Reason, str]] = {
    Reason.DNS_NOT_FOUND: "el nombre no existe",
    Reason.DNS_FAILED: "no se pudo resolver el nombre",
    Reason.DNS_TIMEOUT: "el servidor DNS no respondió a tiempo",
    Reason.CONNECT_REFUSED: "la conexión fue rechazada: nadie escucha ahí",
    Reason.CONNECT_FAILED: "no se pudo llegar al host",
    Reason.CONNECT_TIMEOUT: "el host no aceptó la conexión a tiempo",
    Reason.TLS_FAILED: "falló el handshake TLS",
    Reason.TLS_TIMEOUT: "el handshake TLS no terminó a tiempo",
    Reason.CERTIFICATE_INVALID: "el certificado no es válido",
    Reason.CERTIFICATE_EXPIRED: "el certificado venció",
    Reason.CERTIFICATE_NOT_YET_VALID: "el certificado todavía no es válido",
    Reason.CERTIFICATE_WRONG_HOST: "el certificado es de otro host",
    Reason.CERTIFICATE_UNTRUSTED: "el emisor del certificado no es de confianza",
    Reason.CERTIFICATE_EXPIRING: "el certificado vence pronto",
    Reason.RESPONSE_TIMEOUT: "no respondió a tiempo",
    Reason.TRANSFER_TIMEOUT: "la respuesta no terminó a tiempo",
    Reason.CONNECTION_RESET: "la conexión se cortó",
    Reason.EMPTY_RESPONSE: "el servidor cerró la conexión sin responder",
    Reason.PROTOCOL_ERROR: "la respuesta no cumple con su protocolo",
    Reason.BODY_TRUNCATED: "la respuesta quedó incompleta",
    Reason.BODY_TOO_LARGE: "la respuesta es más grande de lo permitido",
    Reason.BODY_ENCODING: "no se pudo decodificar la respuesta",
    Reason.TOO_MANY_REDIRECTS: "demasiadas redirecciones",
    Reason.REDIRECT_REFUSED: "redirige a una dirección que no se puede seguir",
    Reason.STATUS_MISMATCH: "código de estado inesperado",
    Reason.HEADER_MISMATCH: "encabezado inesperado",
    Reason.BODY_MISMATCH: "contenido inesperado",
    Reason.JSON_MISMATCH: "valor JSON inesperado",
    Reason.TOO_SLOW: "demasiado lento",
    Reason.ADDRESS_REFUSED: "su dirección no se puede verificar",
    Reason.PROXY_FAILED: "el proxy no dejó pasar la solicitud",
    Reason.AUTHENTICATION_FAILED: "se rechazó el inicio de sesión",
    Reason.VERSION_MISMATCH: "versión del protocolo inesperada",
    Reason.COMPRESSION_MISMATCH: "compresión inesperada",
    Reason.TLS_MISMATCH: "versión o cifrado de TLS inesperados",
    Reason.CERTIFICATE_MISMATCH: "el certificado no es el esperado",
    Reason.HOST_KEY_MISMATCH: "la clave del host no es la esperada",
    Reason.RESPONSE_MISMATCH: "respuesta inesperada",
    Reason.DNS_MISMATCH: "respuesta DNS inesperada",
    Reason.PACKET_LOSS: "se perdieron paquetes",
    Reason.NOT_SERVING: "el servicio dice que no está atendiendo",
    Reason.QUERY_FAILED: "falló la consulta",
    Reason.VALUE_MISMATCH: "valor inesperado",
    Reason.METRIC_MISSING: "la métrica no está",
    Reason.OUT_OF_BOUNDS: "un valor está fuera de sus límites",
    Reason.INSUFFICIENT_DATA: "muy pocas solicitudes para evaluar",
    Reason.DOMAIN_EXPIRING: "el registro del dominio vence pronto",
    Reason.DOMAIN_EXPIRED: "el registro del dominio venció",
    Reason.DOMAIN_HELD: "el dominio fue retirado del DNS",
    Reason.DOMAIN_NOT_FOUND: "el dominio no está registrado",
    Reason.MEMBERS_DOWN: "muy pocos de sus miembros funcionan",
    Reason.OWN_NETWORK: "se cayó nuestra propia red",
    Reason.CHANNEL_FAILING: "no pasa ningún mensaje por él",
    Reason.ERROR_BUDGET: "el presupuesto de errores se consume demasiado rápido",
    Reason.FLAPPING: "se cae y se recupera una y otra vez",
    Reason.REPORTED: "otro sistema lo informó",
    Reason.SOURCE_SILENT: "el sistema que lo informa dejó de dar señales",
    Reason.UNSUPPORTED: "esta máquina no puede hacer este chequeo",
    Reason.HEARTBEAT_MISSING: "no llegó el ping esperado",
    Reason.HEARTBEAT_FAILED: "el job informó una falla",
    Reason.HEARTBEAT_OVERRAN: "el job empezó pero no terminó a tiempo",
    Reason.LATE: "este daemon estaba muy ocupado para hacer el chequeo a tiempo",
    Reason.INTERNAL: "el chequeo falló dentro de este daemon",
}

CHANGES: Final[Mapping[Change, str]] = {
    Change.OPENED: "abierto",
    Change.ESCALATED: "empeoró",
    Change.EASED: "mejoró",
    Change.RECOVERED: "recuperado",
    Change.WITHDRAWN: "cerrado",
    Change.RESOLVED: "resuelto",
    Change.ACKNOWLEDGED: "tomado",
    Change.UNACKNOWLEDGED: "sin encargado",
    Change.SNOOZED: "pospuesto",
    Change.ASSIGNED: "asignado",
    Change.NOTED: "nota",
    Change.REMINDED: "recordado",
    Change.HELD: "en espera",
    Change.RELEASED: "ya no espera",
    Change.REROUTED: "redirigido",
}

FORMS: Final[Mapping[str, str]] = {
    "{sentence:say} (and {others:n} more)": "{sentence} (y {others} más)",
    "{sentence:say} (degraded)": "{sentence} (degradado)",
    "{sentence:say}, after {hops:n} redirect at {url}": "{sentence}, después de {hops} redirección en {url}",
    "{sentence:say}, after {hops:n} redirects at {url}": "{sentence}, después de {hops} redirecciones en {url}",
    # HTTP
    "status {seen}, expected {expected}": "respondió {seen}, se esperaba {expected}",
    "expected status {expected}, got {seen}": "respondió {seen}, se esperaba {expected}",
    "answered in {seen:span}, more than {limit:span}": "respondió en {seen}, más de {limit}",
    "took {seen:span}, more than {limit:span}": "tardó {seen}, más de {limit}",
    "answered by HTTP {seen:word}, expected {expected:word}": "respondió con HTTP {seen}, se esperaba {expected}",
    "the answer's compression is {seen:word}, expected {expected:word}":
        "la compresión de la respuesta es {seen}, se esperaba {expected}",
    "header {name} is {seen:word}, expected to match {pattern}":
        "el encabezado {name} es {seen}, debía coincidir con {pattern}",
    'the body does not contain "{text}"': 'el cuerpo no contiene "{text}"',
    'the body contains "{text}", which it must not': 'el cuerpo contiene "{text}", y no debería',
    'the body matches {pattern} with "{seen}", which it must not':
        'el cuerpo coincide con {pattern} en "{seen}", y no debería',
    "the body does not match {pattern}": "el cuerpo no coincide con {pattern}",
    "the body is not JSON": "el cuerpo no es JSON",
    "the body is empty, expected JSON": "el cuerpo está vacío, se esperaba JSON",
    # Certificates and TLS
    "the certificate {subject} expires in {days:n} days, expected at least {least:n} days":
        "el certificado {subject} vence en {days} días, se esperaban al menos {least}",
    "the certificate {subject} expired {days:n} days ago, expected at least {least:n} days":
        "el certificado {subject} venció hace {days} días, se esperaban al menos {least} de vigencia",
    "the certificate {subject} is valid until {until:day}, {days:n} days from now":
        "el certificado {subject} vence el {until}, en {days} días",
    "the certificate {subject} was valid until {until:day}, {days:n} days ago":
        "el certificado {subject} venció el {until}, hace {days} días",
    "the certificate cannot be read": "no se puede leer el certificado",
    "the certificate {subject} has the fingerprint {seen}, which is not expected":
        "el certificado {subject} tiene la huella {seen}, que no es la esperada",
    "the certificate {subject} has the public key {seen}, which is not expected":
        "el certificado {subject} tiene la clave pública {seen}, que no es la esperada",
    "the certificate was issued by {issuer}, expected to match {pattern}":
        "el certificado fue emitido por {issuer}, debía coincidir con {pattern}",
    "the certificate is not for {names}: it names {seen:word}": "el certificado no es para {names}: nombra a {seen}",
    "TLS {seen} was agreed on, expected {expected:word}": "se acordó TLS {seen}, se esperaba {expected}",
    "the cipher {seen} was agreed on, expected a match of {expected:word}":
        "se acordó el cifrado {seen}, debía coincidir con {expected}",
    "ALPN agreed on {seen:word}, expected {expected}": "ALPN acordó {seen}, se esperaba {expected}",
    "offered was TLS {offered}; allowed anything, the server agrees on {agreed}":
        "se ofreció TLS {offered}; si se le permite todo, el servidor acepta {agreed}",
    # What the daemon itself finds
    "{bad:n} checks failed within {window:span}: the error budget of {target:n} % over {days:n} days burns {times:n}"
    " times faster than it may":
        "{bad} chequeos fallaron en {window}: el presupuesto de errores de {target} % en {days} días se consume {times}"
        " veces más rápido de lo permitido",
    "our own network is down: {silent:n} of {all:n} anchors do not answer ({listed}); nothing is judged by it":
        "se cayó nuestra propia red: {silent} de {all} puntos de referencia no responden ({listed}); por ahora no se"
        " evalúa nada",
    "our own network is down, which explains this: {sentence:any}":
        "se cayó nuestra propia red, y eso lo explica: {sentence}",
    "{outages:n} outages in {span:span}": "{outages} caídas en {span}",
    "flapping: {sentence:say}": "inestable: {sentence}",
    # Heartbeats
    "no ping for {since:span}: the last came at {last:moment}, the next was due by {due:moment}":
        "sin ping desde hace {since} (último: {last}; se esperaba otro a más tardar: {due})",
    "no ping ever came in the {since:span} since this monitor was created; one was due by {due:moment}":
        "no llegó ningún ping en {since}, desde que se creó este monitor (se esperaba a más tardar: {due})",
    "the job started at {start:moment} and has not finished after {ran:span}, allowed are {allowed:span}":
        "el job (inicio: {start}) no terminó después de {ran}; puede tardar {allowed}",
    "the job reported a failure with exit code {code:n} at {when:moment}: {said}":
        "el job falló con código de salida {code} ({when}): {said}",
    "the job reported a failure with exit code {code:n} at {when:moment}":
        "el job falló con código de salida {code} ({when})",
    "the job reported a failure at {when:moment}: {said}": "el job informó una falla ({when}): {said}",
    "the job reported a failure at {when:moment}": "el job informó una falla ({when})",
    # Ping, composite
    "{host} does not answer: all {sent:n} packets were lost{said:rest}":
        "{host} no responde: se perdieron los {sent} paquetes{said}",
    "{host} does not answer: the packet was lost{said:rest}": "{host} no responde: se perdió el paquete{said}",
    "{lost:n} of {sent:n} packets were lost{said:rest}, expected less than {limit:n} %":
        "se perdieron {lost} de {sent} paquetes{said}, se esperaba menos de {limit} %",
    "the slowest round trip took {seen:span}, more than {limit:span}":
        "la ida y vuelta más lenta tardó {seen}, más de {limit}",
    "{serving:n} of {whole:n} members are up, {must:word} must be: {members:members}":
        "funcionan {serving} de {whole} miembros, deben funcionar {must}: {members}",
    "{serving:n} of {whole:n} members is up, {must:word} must be: {members:members}":
        "funciona {serving} de {whole} miembros, deben funcionar {must}: {members}",
    # DNS
    "{subject}: the answer is {seen}, expected {expected}": "{subject}: la respuesta es {seen}, se esperaba {expected}",
    "{subject}: the answer is not authenticated by DNSSEC (no AD flag)":
        "{subject}: la respuesta no está autenticada con DNSSEC (sin el flag AD)",
    "{subject}: the server does not answer for the zone itself (no AA flag)":
        "{subject}: el servidor no responde con autoridad por la zona (sin el flag AA)",
    "{subject}: there is no {type} record, expected at least {least:n}":
        "{subject}: no hay ningún registro {type}, se esperaba al menos {least}",
    "{subject}: it is an alias without end ({names}), expected at least {least:n}":
        "{subject}: es un alias sin fin ({names}), se esperaba al menos {least} registro",
    "{subject}: it is an alias of {name}, for which the server gives no {type} record, expected at least {least:n}":
        "{subject}: es un alias de {name}, para el que el servidor no da ningún registro {type}; se esperaba al menos"
        " {least}",
    "{subject}: {seen:n} records, expected at least {least:n}":
        "{subject}: {seen} registros, se esperaban al menos {least}",
    "{subject}: {seen:n} records, expected at most {most:n}":
        "{subject}: {seen} registros, se esperaban como máximo {most}",
    "{subject}: the time to live is {seen:span}, expected at least {limit:span}":
        "{subject}: el TTL es {seen}, se esperaba al menos {limit}",
    "{subject}: the time to live is {seen:span}, expected at most {limit:span}":
        "{subject}: el TTL es {seen}, se esperaba como máximo {limit}",
    "{subject}: the serial is {seen}, expected {expected} or newer":
        "{subject}: el serial es {seen}, se esperaba {expected} o más nuevo",
    "{subject}: {missing} missing, there is {seen}": "{subject}: falta {missing}, hay {seen}",
    "{subject}: {missing} missing and {extra} not expected": "{subject}: falta {missing} y no se esperaba {extra}",
    "{subject}: {missing} missing": "{subject}: falta {missing}",
    "{subject}: {extra} not expected": "{subject}: no se esperaba {extra}",
    "{subject}: {seen}, none matches {pattern}": "{subject}: {seen}, ninguno coincide con {pattern}",
    "{subject}: {seen} matches {pattern}, which it must not": "{subject}: {seen} coincide con {pattern}, y no debería",
    # Domains
    "{domain} has the status {status}: {meaning:word}": "{domain} tiene el estado {status}: {meaning}",
    "{domain} expires in {days:n} days, on {day}, expected at least {least:n} days":
        "{domain} vence en {days} días, el {day}; se esperaban al menos {least}",
    "{domain} expired {days:n} days ago, on {day}, expected at least {least:n} days":
        "{domain} venció hace {days} días, el {day}; se esperaban al menos {least} de vigencia",
    "the registrar is {seen:word}, expected {expected}": "el registrador es {seen}, se esperaba {expected}",
    "it is delegated to {seen:word}, expected {expected}": "está delegado a {seen}, se esperaba {expected}",
    "nothing prohibits a transfer to another registrar": "nada impide transferirlo a otro registrador",
    "the domain is not registered: its registry knows no {domain}":
        "el dominio no está registrado: su registro no conoce {domain}",
    # gRPC, WebSocket
    "the call was answered with HTTP status {seen}, expected 200":
        "la llamada respondió con el estado HTTP {seen}, se esperaba 200",
    "{subject:word} says it is {seen}, expected {expected}": "{subject} dice que está {seen}, se esperaba {expected}",
    "{what:word} (grpc-status {status})": "{what} (grpc-status {status})",
    'the message "{seen}" does not contain "{text}"': 'el mensaje "{seen}" no contiene "{text}"',
    'the message contains "{text}", which it must not': 'el mensaje contiene "{text}", y no debería',
    'the message matches {pattern} with "{seen}", which it must not':
        'el mensaje coincide con {pattern} en "{seen}", y no debería',
    'the message "{seen}" does not match {pattern}': 'el mensaje "{seen}" no coincide con {pattern}',
    "the message is not JSON": "el mensaje no es JSON",
    "the upgrade was refused with status {seen}, expected 101; it redirects to {location}, which is not followed":
        "el upgrade fue rechazado con {seen}, se esperaba 101; redirige a {location}, que no se sigue",
    "the upgrade was refused with status {seen}, expected 101": "el upgrade fue rechazado con {seen}, se esperaba 101",
    "the server chose the subprotocol {seen:word}, expected {expected:word}":
        "el servidor eligió el subprotocolo {seen}, se esperaba {expected}",
    # Databases, queues, mail, SSH, TCP
    "{seen} row, expected {expected:word}": "{seen} fila, se esperaba {expected}",
    "{seen} rows, expected {expected:word}": "{seen} filas, se esperaba {expected}",
    "the value is {seen:word}, expected {expected:word}": "el valor es {seen}, se esperaba {expected}",
    "{messages:n} messages wait in {queue}, expected at most {most:n}":
        "{messages} mensajes esperan en {queue}, se esperaban como máximo {most}",
    "{consumers:n} consumers are at {queue}, expected at least {least:n}":
        "{queue} tiene {consumers} consumidores, se esperaban al menos {least}",
    'the banner is "{seen}", expected to match {pattern}': 'el banner es "{seen}", debía coincidir con {pattern}',
    "the server does not list {wanted}, but {seen:word}": "el servidor no ofrece {wanted}, sino {seen}",
    "the host key ({type}) is {seen}, expected {expected}":
        "la clave del host ({type}) es {seen}, se esperaba {expected}",
    'step {number:n}: expected {wanted} {end:word}, got "{seen}"':
        'paso {number}: se esperaba {wanted} {end}, llegó "{seen}"',
    # Journeys, metrics
    "nothing for the variable {name}: {place} is not there": "no hay nada para la variable {name}: {place} no está",
    "the variable {name} would have {size:n} characters, at most {most:n} are taken":
        "la variable {name} tendría {size} caracteres, se aceptan como máximo {most}",
    "{figure} cannot be told: {why}": "no se puede saber {figure}: {why}",
    "{figure} is {seen:word}, expected {expected:word} ({note:word})":
        "{figure} es {seen}, se esperaba {expected} ({note})",
    # Timelines
    "up again after {span:span}": "se recuperó después de {span}",
    "up again after less than 1s": "se recuperó en menos de 1 s",
    "from degraded to down: {sentence:any}": "de degradado a caído: {sentence}",
    "from down to degraded: {sentence:any}": "de caído a degradado: {sentence}",
    "down: {sentence:any}": "caído: {sentence}",
    "degraded: {sentence:any}": "degradado: {sentence}",
    "told now, for it goes on": "se avisa ahora, porque continúa",
    "over before the rest was told: {why:any}": "terminó antes de avisar al resto: {why}",
    "over before anybody was told: {why:any}": "terminó antes de avisar a alguien: {why}",
    "being checked: does {name} explain it?": "se está verificando: ¿lo explica {name}?",
    "stable: {status:word} for {span:span}, after {told:any}": "estable: {status} desde hace {span}, después de {told}",
    "removed from the configuration": "se quitó de la configuración",
    "removed from the configuration, after {told:any}": "se quitó de la configuración, después de {told}",
    "paused by {who}": "pausado por {who}",
    "paused by {who}, after {told:any}": "pausado por {who}, después de {told}",
    "no certificate is shown there any more": "ya no se muestra ningún certificado ahí",
    "our own network is back": "volvió nuestra propia red",
    "the guard over our own network was switched off": "se desactivó la vigilancia de nuestra propia red",
    "flapping, told as incident {id}": "inestable, avisado como incidente {id}",
    "acknowledged by {who}": "lo tomó {who}",
    "by {who:one} ({via:one})": "por {who} ({via})",
    "by {who:one} ({via:one}): {why}": "por {who} ({via}): {why}",
    "until {until:stamp}, by {who}": "hasta {until}, por {who}",
    "to {to}, by {who}": "a {to}, por {who}",
    "the snooze is over": "terminó la pausa",
    "nobody has acknowledged it: round {round:n} of {all:n}": "nadie se encargó: aviso {round} de {all}",
    "{source:one} reports: {said}": "{source} informa: {said}",
    "from {before:word} to {after:word}: {said}": "de {before} a {after}: {said}",
    "heard of again: {said}": "vuelve a dar señales: {said}",
    "resolved after {span:span}": "resuelto después de {span}",
    "no word from {source} since {since:stamp}; it said last: {said}":
        "sin noticias de {source} desde {since}; lo último que dijo: {said}",
    "{who} is silent: {alert} was last heard of at {since:stamp}, and must come every {within:span}":
        "{who} no da señales: {alert} llegó por última vez: {since}, y debe llegar cada {within}",
    "{who} is silent: {alert} has never been heard of; it is expected since {since:stamp}, and must come every"
    " {within:span}":
        "{who} no da señales: {alert} no llegó nunca; se espera desde {since}, y debe llegar cada {within}",
    "{alert} is heard of again": "{alert} volvió a llegar",
    "a message got through": "pasó un mensaje",
    "nobody is told: the policy {name} has no steps": "no se avisa a nadie: la política {name} no tiene pasos",
    "step {number:n} of {policy}: {why:any}": "paso {number} de {policy}: {why}",
    "nothing of step {number:n} could be delivered: {why:any} instead":
        "no se pudo entregar nada del paso {number}; en su lugar: {why}",
    "nobody is on call for {schedule}": "nadie está de guardia para {schedule}",
    "everyone is told": "se avisa a todos",
    "every channel is told": "se avisa por todos los canales",
    "there is nobody who can be reached": "no hay a quién llegar",
    "{monitor:one} is down": "{monitor} está caído",
    "{title}: {sentence:say}": "{title}: {sentence}",
    "{path} is {seen:word}, expected {expected:word}": "{path} es {seen}, se esperaba {expected}",
    "{seen}, expected {expected:word}": "{seen}, se esperaba {expected}",
}  # fmt: skip

DETAILS: Final[Mapping[str, str]] = {
    "{place:one} at {address}, {span:span}": "{place} en {address}, {span}",
    "{place:one} at {address}": "{place} en {address}",
    "{place:one}, {span:span}": "{place}, {span}",
    "status {seen}, expected {expected}": "respondió {seen}, se esperaba {expected}",
    "status {seen:n}": "respondió {seen}",
    "more than {size}, the last at {url}": "más de {size}, la última en {url}",
    "more than {size}": "más de {size}",
    "{subject} expired at {when:day}": "{subject} venció el {when}",
    "{subject} is valid from {when:day}": "{subject} vale desde el {when}",
    "it names {names:word}, not {host}": "nombra a {names}, no a {host}",
    "{subject}, issued by {issuer}, whose certificate was not sent along and is not known here":
        "{subject}, emitido por {issuer}, cuyo certificado no vino incluido ni se conoce aquí",
    "{subject}, issued by {issuer}": "{subject}, emitido por {issuer}",
    "body_file: {said}": "body_file: {said}",
}  # fmt: skip

SMALL: Final[Mapping[str, str]] = {
    "missing": "ausente",
    "none": "ninguno",
    "any": "cualquiera",
    "nothing": "nada",
    "nothing at all": "nada",
    "nobody": "nadie",
    "all": "todos",
    "not told": "desconocido",
    "another version": "otra versión",
    "a value": "un valor",
    "no value": "ningún valor",
    "up": "arriba",
    "degraded": "degradado",
    "down": "caído",
    "unknown": "desconocido",
    "critical": "crítica",
    "warning": "advertencia",
    "missed": "sin chequeo",
    "the server": "el servidor",
    "the server gave up": "el servidor se rindió",
    "the server knows no such service": "el servidor no conoce ese servicio",
    "the call is not permitted": "la llamada no está permitida",
    "the server has no health service": "el servidor no tiene un servicio de health",
    "the server is not available": "el servidor no está disponible",
    "the call was not authenticated": "la llamada no se autenticó",
    "the call failed": "la llamada falló",
    "the registrar has taken it out of the DNS": "el registrador lo retiró del DNS",
    "the registry has taken it out of the DNS": "el registro lo retiró del DNS",
    "it was deleted and can only be restored, for a few weeks":
        "fue borrado y solo se puede restaurar, por unas semanas",
    "it is about to be free for anyone": "está por quedar libre para cualquiera",
    "before the connection was broken off": "antes de que se cortara la conexión",
    "before it closed the connection": "antes de que cerrara la conexión",
    "in its first {size}": "en sus primeros {size}",
    "at least {limit:word}": "al menos {limit}",
    "at most {limit:word}": "como máximo {limit}",
    "more than {limit:word}": "más de {limit}",
    "less than {limit:word}": "menos de {limit}",
    "{one:word} or {other:word}": "{one} o {other}",
    "{some:n} of {all:n}": "{some} de {all}",
    "{name:one} is up": "{name} está arriba",
    "{name:one} is down": "{name} está caído",
    "{name:one} is degraded": "{name} está degradado",
    "{name:one} is unknown": "de {name} no se sabe",
    "{name:word} and {left:n} more": "{name} y {left} más",
    "{count:n} requests in the last {span:span}": "{count} solicitudes en los últimos {span}",
    "in the last {span:span}": "en los últimos {span}",
    "{failed:n} of {count:n} requests in the last {span:span}": "{failed} de {count} solicitudes en los últimos {span}",
    "{share:n}% of {count:n} requests in the last {span:span} kept to {limit:word}":
        "{share} % de {count} solicitudes en los últimos {span} dentro de {limit}",
    "{said:word}: between {low:word} and {high:word}, an estimate, as no bucket ends at {limit:word}":
        "{said}: entre {low} y {high}, un estimado, porque ningún bucket termina en {limit}",
    "{said:word}: more than {low:word}, an estimate, as no bucket ends at {limit:word}":
        "{said}: más de {low}, un estimado, porque ningún bucket termina en {limit}",
    "{said:word}: between {low:word} and {high:word}": "{said}: entre {low} y {high}",
    "{said:word}: more than {low:word}": "{said}: más de {low}",
}  # fmt: skip
