"""The sentences of checks, and of timelines, in Portuguese: by their English form (see `sentences` for the fields)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.core.incident import Change
from saasobs.core.result import Reason

REASONS: Final[Mapping[Reason, str]] = {
    Reason.DNS_NOT_FOUND: "o nome não existe",
    Reason.DNS_FAILED: "não foi possível resolver o nome",
    Reason.DNS_TIMEOUT: "o servidor DNS não respondeu a tempo",
    Reason.CONNECT_REFUSED: "a conexão foi recusada: ninguém escuta ali",
    Reason.CONNECT_FAILED: "não foi possível alcançar o host",
    Reason.CONNECT_TIMEOUT: "o host não aceitou a conexão a tempo",
    Reason.TLS_FAILED: "o handshake TLS falhou",
    Reason.TLS_TIMEOUT: "o handshake TLS não terminou a tempo",
    Reason.CERTIFICATE_INVALID: "o certificado não é válido",
    Reason.CERTIFICATE_EXPIRED: "o certificado venceu",
    Reason.CERTIFICATE_NOT_YET_VALID: "o certificado ainda não é válido",
    Reason.CERTIFICATE_WRONG_HOST: "o certificado é de outro host",
    Reason.CERTIFICATE_UNTRUSTED: "o emissor do certificado não é confiável",
    Reason.CERTIFICATE_EXPIRING: "o certificado vence em breve",
    Reason.RESPONSE_TIMEOUT: "não respondeu a tempo",
    Reason.TRANSFER_TIMEOUT: "a resposta não terminou a tempo",
    Reason.CONNECTION_RESET: "a conexão caiu",
    Reason.EMPTY_RESPONSE: "o servidor fechou a conexão sem responder",
    Reason.PROTOCOL_ERROR: "a resposta não segue o protocolo",
    Reason.BODY_TRUNCATED: "a resposta veio incompleta",
    Reason.BODY_TOO_LARGE: "a resposta é maior do que o permitido",
    Reason.BODY_ENCODING: "não foi possível decodificar a resposta",
    Reason.TOO_MANY_REDIRECTS: "redirecionamentos demais",
    Reason.REDIRECT_REFUSED: "redireciona para um endereço que não pode ser seguido",
    Reason.STATUS_MISMATCH: "código de status inesperado",
    Reason.HEADER_MISMATCH: "cabeçalho inesperado",
    Reason.BODY_MISMATCH: "conteúdo inesperado",
    Reason.JSON_MISMATCH: "valor JSON inesperado",
    Reason.TOO_SLOW: "lento demais",
    Reason.ADDRESS_REFUSED: "o endereço não pode ser verificado",
    Reason.PROXY_FAILED: "o proxy não deixou a requisição passar",
    Reason.AUTHENTICATION_FAILED: "o login foi recusado",
    Reason.VERSION_MISMATCH: "versão do protocolo inesperada",
    Reason.COMPRESSION_MISMATCH: "compressão inesperada",
    Reason.TLS_MISMATCH: "versão ou cifra TLS inesperada",
    Reason.CERTIFICATE_MISMATCH: "o certificado não é o esperado",
    Reason.HOST_KEY_MISMATCH: "a chave do host não é a esperada",
    Reason.RESPONSE_MISMATCH: "resposta inesperada",
    Reason.DNS_MISMATCH: "resposta DNS inesperada",
    Reason.PACKET_LOSS: "houve perda de pacotes",
    Reason.NOT_SERVING: "o serviço diz que não está atendendo",
    Reason.QUERY_FAILED: "a consulta falhou",
    Reason.VALUE_MISMATCH: "valor inesperado",
    Reason.METRIC_MISSING: "a métrica não está lá",
    Reason.OUT_OF_BOUNDS: "um valor está fora dos limites",
    Reason.INSUFFICIENT_DATA: "poucas requisições para avaliar",
    Reason.DOMAIN_EXPIRING: "o registro do domínio vence em breve",
    Reason.DOMAIN_EXPIRED: "o registro do domínio venceu",
    Reason.DOMAIN_HELD: "o domínio foi retirado do DNS",
    Reason.DOMAIN_NOT_FOUND: "o domínio não está registrado",
    Reason.MEMBERS_DOWN: "poucos dos seus membros estão no ar",
    Reason.OWN_NETWORK: "nossa própria rede caiu",
    Reason.CHANNEL_FAILING: "nenhuma mensagem passa por ele",
    Reason.ERROR_BUDGET: "o orçamento de erros está sendo gasto rápido demais",
    Reason.FLAPPING: "cai e volta o tempo todo",
    Reason.REPORTED: "outro sistema informou",
    Reason.SOURCE_SILENT: "o sistema que informa isso parou de dar sinal",
    Reason.UNSUPPORTED: "esta máquina não consegue fazer esta checagem",
    Reason.HEARTBEAT_MISSING: "o ping esperado não chegou",
    Reason.HEARTBEAT_FAILED: "o job informou uma falha",
    Reason.HEARTBEAT_OVERRAN: "o job começou mas não terminou a tempo",
    Reason.LATE: "este daemon estava ocupado demais para checar a tempo",
    Reason.INTERNAL: "a checagem falhou dentro deste daemon",
}

CHANGES: Final[Mapping[Change, str]] = {
    Change.OPENED: "aberto",
    Change.ESCALATED: "piorou",
    Change.EASED: "melhorou",
    Change.RECOVERED: "recuperado",
    Change.WITHDRAWN: "encerrado",
    Change.RESOLVED: "resolvido",
    Change.ACKNOWLEDGED: "assumido",
    Change.UNACKNOWLEDGED: "sem responsável",
    Change.SNOOZED: "adiado",
    Change.ASSIGNED: "atribuído",
    Change.NOTED: "nota",
    Change.REMINDED: "relembrado",
    Change.HELD: "em espera",
    Change.RELEASED: "não espera mais",
    Change.REROUTED: "redirecionado",
}

FORMS: Final[Mapping[str, str]] = {
    "{sentence:say} (and {others:n} more)": "{sentence} (e mais {others})",
    "{sentence:say} (degraded)": "{sentence} (degradado)",
    "{sentence:say}, after {hops:n} redirect at {url}": "{sentence}, após {hops} redirecionamento em {url}",
    "{sentence:say}, after {hops:n} redirects at {url}": "{sentence}, após {hops} redirecionamentos em {url}",
    # HTTP
    "status {seen}, expected {expected}": "respondeu {seen} (esperado: {expected})",
    "expected status {expected}, got {seen}": "respondeu {seen} (esperado: {expected})",
    "answered in {seen:span}, more than {limit:span}": "respondeu em {seen}, mais de {limit}",
    "took {seen:span}, more than {limit:span}": "levou {seen}, mais de {limit}",
    "answered by HTTP {seen:word}, expected {expected:word}": "respondeu com HTTP {seen} (esperado: {expected})",
    "the answer's compression is {seen:word}, expected {expected:word}":
        "a compressão da resposta é {seen} (esperado: {expected})",
    "header {name} is {seen:word}, expected to match {pattern}":
        "o cabeçalho {name} é {seen}, deveria corresponder a {pattern}",
    'the body does not contain "{text}"': 'o corpo não contém "{text}"',
    'the body contains "{text}", which it must not': 'o corpo contém "{text}", e não deveria',
    'the body matches {pattern} with "{seen}", which it must not':
        'o corpo corresponde a {pattern} em "{seen}", e não deveria',
    "the body does not match {pattern}": "o corpo não corresponde a {pattern}",
    "the body is not JSON": "o corpo não é JSON",
    "the body is empty, expected JSON": "o corpo está vazio (esperado: JSON)",
    # Certificates and TLS
    "the certificate {subject} expires in {days:n} days, expected at least {least:n} days":
        "o certificado {subject} vence em {days} dias (esperado: pelo menos {least})",
    "the certificate {subject} expired {days:n} days ago, expected at least {least:n} days":
        "o certificado {subject} venceu há {days} dias (esperado: pelo menos {least} de validade)",
    "the certificate {subject} is valid until {until:day}, {days:n} days from now":
        "o certificado {subject} vence em {until}, daqui a {days} dias",
    "the certificate {subject} was valid until {until:day}, {days:n} days ago":
        "o certificado {subject} venceu em {until}, há {days} dias",
    "the certificate cannot be read": "não é possível ler o certificado",
    "the certificate {subject} has the fingerprint {seen}, which is not expected":
        "o certificado {subject} tem a impressão digital {seen}, que não é a esperada",
    "the certificate {subject} has the public key {seen}, which is not expected":
        "o certificado {subject} tem a chave pública {seen}, que não é a esperada",
    "the certificate was issued by {issuer}, expected to match {pattern}":
        "o certificado foi emitido por {issuer}, deveria corresponder a {pattern}",
    "the certificate is not for {names}: it names {seen:word}": "o certificado não é para {names}: cita {seen}",
    "TLS {seen} was agreed on, expected {expected:word}": "foi acordado TLS {seen} (esperado: {expected})",
    "the cipher {seen} was agreed on, expected a match of {expected:word}":
        "foi acordada a cifra {seen}, deveria corresponder a {expected}",
    "ALPN agreed on {seen:word}, expected {expected}": "ALPN acordou {seen} (esperado: {expected})",
    "offered was TLS {offered}; allowed anything, the server agrees on {agreed}":
        "foi oferecido TLS {offered}; com tudo permitido, o servidor aceita {agreed}",
    # What the daemon itself finds
    "{bad:n} checks failed within {window:span}: the error budget of {target:n} % over {days:n} days burns {times:n}"
    " times faster than it may":
        "{bad} checagens falharam em {window}: o orçamento de erros de {target} % em {days} dias está sendo gasto"
        " {times} vezes mais rápido do que pode",
    "our own network is down: {silent:n} of {all:n} anchors do not answer ({listed}); nothing is judged by it":
        "nossa própria rede caiu: {silent} de {all} pontos de referência não respondem ({listed}); por enquanto nada é"
        " avaliado",
    "our own network is down, which explains this: {sentence:any}":
        "nossa própria rede caiu, e isso explica: {sentence}",
    "{outages:n} outages in {span:span}": "{outages} quedas em {span}",
    "flapping: {sentence:say}": "instável: {sentence}",
    # Heartbeats
    "no ping for {since:span}: the last came at {last:moment}, the next was due by {due:moment}":
        "sem ping há {since} (último: {last}; outro era esperado até: {due})",
    "no ping ever came in the {since:span} since this monitor was created; one was due by {due:moment}":
        "nenhum ping chegou em {since}, desde que este monitor foi criado (era esperado até: {due})",
    "the job started at {start:moment} and has not finished after {ran:span}, allowed are {allowed:span}":
        "o job (início: {start}) não terminou após {ran}; pode levar {allowed}",
    "the job reported a failure with exit code {code:n} at {when:moment}: {said}":
        "o job falhou com código de saída {code} ({when}): {said}",
    "the job reported a failure with exit code {code:n} at {when:moment}":
        "o job falhou com código de saída {code} ({when})",
    "the job reported a failure at {when:moment}: {said}": "o job informou uma falha ({when}): {said}",
    "the job reported a failure at {when:moment}": "o job informou uma falha ({when})",
    # Ping, composite
    "{host} does not answer: all {sent:n} packets were lost{said:rest}":
        "{host} não responde: os {sent} pacotes se perderam{said}",
    "{host} does not answer: the packet was lost{said:rest}": "{host} não responde: o pacote se perdeu{said}",
    "{lost:n} of {sent:n} packets were lost{said:rest}, expected less than {limit:n} %":
        "{lost} de {sent} pacotes se perderam{said} (esperado: menos de {limit} %)",
    "the slowest round trip took {seen:span}, more than {limit:span}":
        "a ida e volta mais lenta levou {seen}, mais de {limit}",
    "{serving:n} of {whole:n} members are up, {must:word} must be: {members:members}":
        "{serving} de {whole} membros estão no ar, o necessário: {must}: {members}",
    "{serving:n} of {whole:n} members is up, {must:word} must be: {members:members}":
        "{serving} de {whole} membros está no ar, o necessário: {must}: {members}",
    # DNS
    "{subject}: the answer is {seen}, expected {expected}": "{subject}: a resposta é {seen} (esperado: {expected})",
    "{subject}: the answer is not authenticated by DNSSEC (no AD flag)":
        "{subject}: a resposta não é autenticada por DNSSEC (sem a flag AD)",
    "{subject}: the server does not answer for the zone itself (no AA flag)":
        "{subject}: o servidor não responde com autoridade pela zona (sem a flag AA)",
    "{subject}: there is no {type} record, expected at least {least:n}":
        "{subject}: não há nenhum registro {type} (esperado: pelo menos {least})",
    "{subject}: it is an alias without end ({names}), expected at least {least:n}":
        "{subject}: é um alias sem fim: {names} (esperado: pelo menos {least} registro)",
    "{subject}: it is an alias of {name}, for which the server gives no {type} record, expected at least {least:n}":
        "{subject}: é um alias de {name}, para o qual o servidor não dá nenhum registro {type} (esperado: pelo"
        " menos {least})",
    "{subject}: {seen:n} records, expected at least {least:n}":
        "{subject}: {seen} registros (esperado: pelo menos {least})",
    "{subject}: {seen:n} records, expected at most {most:n}":
        "{subject}: {seen} registros (esperado: no máximo {most})",
    "{subject}: the time to live is {seen:span}, expected at least {limit:span}":
        "{subject}: o TTL é {seen} (esperado: pelo menos {limit})",
    "{subject}: the time to live is {seen:span}, expected at most {limit:span}":
        "{subject}: o TTL é {seen} (esperado: no máximo {limit})",
    "{subject}: the serial is {seen}, expected {expected} or newer":
        "{subject}: o serial é {seen} (esperado: {expected} ou mais novo)",
    "{subject}: {missing} missing, there is {seen}": "{subject}: falta {missing}, há {seen}",
    "{subject}: {missing} missing and {extra} not expected": "{subject}: falta {missing} e {extra} não era esperado",
    "{subject}: {missing} missing": "{subject}: falta {missing}",
    "{subject}: {extra} not expected": "{subject}: {extra} não era esperado",
    "{subject}: {seen}, none matches {pattern}": "{subject}: {seen}, nenhum corresponde a {pattern}",
    "{subject}: {seen} matches {pattern}, which it must not":
        "{subject}: {seen} corresponde a {pattern}, e não deveria",
    # Domains
    "{domain} has the status {status}: {meaning:word}": "{domain} está com o status {status}: {meaning}",
    "{domain} expires in {days:n} days, on {day}, expected at least {least:n} days":
        "{domain} vence em {days} dias ({day}; esperado: pelo menos {least})",
    "{domain} expired {days:n} days ago, on {day}, expected at least {least:n} days":
        "{domain} venceu há {days} dias ({day}; esperado: pelo menos {least} de validade)",
    "the registrar is {seen:word}, expected {expected}": "o registrador é {seen} (esperado: {expected})",
    "it is delegated to {seen:word}, expected {expected}": "está delegado a {seen} (esperado: {expected})",
    "nothing prohibits a transfer to another registrar": "nada impede uma transferência para outro registrador",
    "the domain is not registered: its registry knows no {domain}":
        "o domínio não está registrado: o registro não conhece {domain}",
    # gRPC, WebSocket
    "the call was answered with HTTP status {seen}, expected 200":
        "a chamada respondeu com o status HTTP {seen} (esperado: 200)",
    "{subject:word} says it is {seen}, expected {expected}": "{subject} diz que está {seen} (esperado: {expected})",
    "{what:word} (grpc-status {status})": "{what} (grpc-status {status})",
    'the message "{seen}" does not contain "{text}"': 'a mensagem "{seen}" não contém "{text}"',
    'the message contains "{text}", which it must not': 'a mensagem contém "{text}", e não deveria',
    'the message matches {pattern} with "{seen}", which it must not':
        'a mensagem corresponde a {pattern} em "{seen}", e não deveria',
    'the message "{seen}" does not match {pattern}': 'a mensagem "{seen}" não corresponde a {pattern}',
    "the message is not JSON": "a mensagem não é JSON",
    "the upgrade was refused with status {seen}, expected 101; it redirects to {location}, which is not followed":
        "o upgrade foi recusado com {seen} (esperado: 101); redireciona para {location}, que não é seguido",
    "the upgrade was refused with status {seen}, expected 101": "o upgrade foi recusado com {seen} (esperado: 101)",
    "the server chose the subprotocol {seen:word}, expected {expected:word}":
        "o servidor escolheu o subprotocolo {seen} (esperado: {expected})",
    # Databases, queues, mail, SSH, TCP
    "{seen} row, expected {expected:word}": "{seen} linha (esperado: {expected})",
    "{seen} rows, expected {expected:word}": "{seen} linhas (esperado: {expected})",
    "the value is {seen:word}, expected {expected:word}": "o valor é {seen} (esperado: {expected})",
    "{messages:n} messages wait in {queue}, expected at most {most:n}":
        "{messages} mensagens esperam em {queue} (esperado: no máximo {most})",
    "{consumers:n} consumers are at {queue}, expected at least {least:n}":
        "{queue} tem {consumers} consumidores (esperado: pelo menos {least})",
    'the banner is "{seen}", expected to match {pattern}': 'o banner é "{seen}", deveria corresponder a {pattern}',
    "the server does not list {wanted}, but {seen:word}": "o servidor não oferece {wanted}, e sim {seen}",
    "the host key ({type}) is {seen}, expected {expected}":
        "a chave do host ({type}) é {seen} (esperado: {expected})",
    'step {number:n}: expected {wanted} {end:word}, got "{seen}"':
        'passo {number}: esperado {wanted} {end}, veio "{seen}"',
    # Journeys, metrics
    "nothing for the variable {name}: {place} is not there": "não há nada para a variável {name}: {place} não está lá",
    "the variable {name} would have {size:n} characters, at most {most:n} are taken":
        "a variável {name} teria {size} caracteres, o máximo aceito é {most}",
    "{figure} cannot be told: {why}": "não dá para saber {figure}: {why}",
    "{figure} is {seen:word}, expected {expected:word} ({note:word})":
        "{figure} é {seen} (esperado: {expected}; {note})",
    # Timelines
    "up again after {span:span}": "voltou após {span}",
    "up again after less than 1s": "voltou em menos de 1 s",
    "from degraded to down: {sentence:any}": "de degradado a fora do ar: {sentence}",
    "from down to degraded: {sentence:any}": "de fora do ar a degradado: {sentence}",
    "down: {sentence:any}": "fora do ar: {sentence}",
    "degraded: {sentence:any}": "degradado: {sentence}",
    "told now, for it goes on": "avisado agora, porque continua",
    "over before the rest was told: {why:any}": "terminou antes de avisar o resto: {why}",
    "over before anybody was told: {why:any}": "terminou antes de avisar alguém: {why}",
    "being checked: does {name} explain it?": "em verificação: será que {name} explica?",
    "stable: {status:word} for {span:span}, after {told:any}": "estável: {status} há {span}, após {told}",
    "removed from the configuration": "removido da configuração",
    "removed from the configuration, after {told:any}": "removido da configuração, após {told}",
    "paused by {who}": "pausado por {who}",
    "paused by {who}, after {told:any}": "pausado por {who}, após {told}",
    "no certificate is shown there any more": "nenhum certificado é mostrado ali",
    "our own network is back": "nossa própria rede voltou",
    "the guard over our own network was switched off": "a vigilância da nossa própria rede foi desligada",
    "flapping, told as incident {id}": "instável, avisado como incidente {id}",
    "acknowledged by {who}": "assumido por {who}",
    "by {who:one} ({via:one})": "por {who} ({via})",
    "by {who:one} ({via:one}): {why}": "por {who} ({via}): {why}",
    "until {until:stamp}, by {who}": "até {until}, por {who}",
    "to {to}, by {who}": "a {to}, por {who}",
    "the snooze is over": "o adiamento acabou",
    "nobody has acknowledged it: round {round:n} of {all:n}": "ninguém assumiu: aviso {round} de {all}",
    "{source:one} reports: {said}": "{source} informa: {said}",
    "from {before:word} to {after:word}: {said}": "de {before} a {after}: {said}",
    "heard of again: {said}": "voltou a dar sinal: {said}",
    "resolved after {span:span}": "resolvido após {span}",
    "no word from {source} since {since:stamp}; it said last: {said}":
        "sem notícias de {source} desde {since}; a última coisa que disse: {said}",
    "{who} is silent: {alert} was last heard of at {since:stamp}, and must come every {within:span}":
        "{who} não dá sinal: {alert} chegou pela última vez: {since}, e deve chegar a cada {within}",
    "{who} is silent: {alert} has never been heard of; it is expected since {since:stamp}, and must come every"
    " {within:span}":
        "{who} não dá sinal: {alert} nunca chegou; é esperado desde {since}, e deve chegar a cada {within}",
    "{alert} is heard of again": "{alert} voltou a chegar",
    "a message got through": "uma mensagem passou",
    "nobody is told: the policy {name} has no steps": "ninguém é avisado: a política {name} não tem passos",
    "step {number:n} of {policy}: {why:any}": "passo {number} de {policy}: {why}",
    "nothing of step {number:n} could be delivered: {why:any} instead":
        "nada do passo {number} pôde ser entregue; no lugar: {why}",
    "nobody is on call for {schedule}": "ninguém está de plantão em {schedule}",
    "everyone is told": "todos são avisados",
    "every channel is told": "todos os canais são avisados",
    "there is nobody who can be reached": "não há ninguém que possa ser avisado",
    "{monitor:one} is down": "{monitor} está fora do ar",
    "{title}: {sentence:say}": "{title}: {sentence}",
    "{path} is {seen:word}, expected {expected:word}": "{path} é {seen} (esperado: {expected})",
    "{seen}, expected {expected:word}": "{seen} (esperado: {expected})",
}  # fmt: skip

DETAILS: Final[Mapping[str, str]] = {
    "{place:one} at {address}, {span:span}": "{place} em {address}, {span}",
    "{place:one} at {address}": "{place} em {address}",
    "{place:one}, {span:span}": "{place}, {span}",
    "status {seen}, expected {expected}": "respondeu {seen}, esperado {expected}",
    "status {seen:n}": "respondeu {seen}",
    "more than {size}, the last at {url}": "mais de {size}, o último em {url}",
    "more than {size}": "mais de {size}",
    "{subject} expired at {when:day}": "{subject} venceu em {when}",
    "{subject} is valid from {when:day}": "{subject} vale a partir de {when}",
    "it names {names:word}, not {host}": "cita {names}, e não {host}",
    "{subject}, issued by {issuer}, whose certificate was not sent along and is not known here":
        "{subject}, emitido por {issuer}, cujo certificado não veio junto nem é conhecido aqui",
    "{subject}, issued by {issuer}": "{subject}, emitido por {issuer}",
    "body_file: {said}": "body_file: {said}",
}  # fmt: skip

SMALL: Final[Mapping[str, str]] = {
    "missing": "ausente",
    "none": "nenhum",
    "any": "qualquer",
    "nothing": "nada",
    "nothing at all": "nada",
    "nobody": "ninguém",
    "all": "todos",
    "not told": "desconhecido",
    "another version": "outra versão",
    "a value": "um valor",
    "no value": "nenhum valor",
    "up": "no ar",
    "degraded": "degradado",
    "down": "fora do ar",
    "unknown": "desconhecido",
    "critical": "crítica",
    "warning": "aviso",
    "missed": "sem checagem",
    "the server": "o servidor",
    "the server gave up": "o servidor desistiu",
    "the server knows no such service": "o servidor não conhece esse serviço",
    "the call is not permitted": "a chamada não é permitida",
    "the server has no health service": "o servidor não tem um serviço de health",
    "the server is not available": "o servidor não está disponível",
    "the call was not authenticated": "a chamada não foi autenticada",
    "the call failed": "a chamada falhou",
    "the registrar has taken it out of the DNS": "o registrador o retirou do DNS",
    "the registry has taken it out of the DNS": "o registro o retirou do DNS",
    "it was deleted and can only be restored, for a few weeks":
        "foi excluído e só pode ser restaurado, por algumas semanas",
    "it is about to be free for anyone": "está prestes a ficar livre para qualquer um",
    "before the connection was broken off": "antes de a conexão cair",
    "before it closed the connection": "antes de fechar a conexão",
    "in its first {size}": "nos primeiros {size}",
    "at least {limit:word}": "pelo menos {limit}",
    "at most {limit:word}": "no máximo {limit}",
    "more than {limit:word}": "mais de {limit}",
    "less than {limit:word}": "menos de {limit}",
    "{one:word} or {other:word}": "{one} ou {other}",
    "{some:n} of {all:n}": "{some} de {all}",
    "{name:one} is up": "{name} está no ar",
    "{name:one} is down": "{name} está fora do ar",
    "{name:one} is degraded": "{name} está degradado",
    "{name:one} is unknown": "não se sabe de {name}",
    "{name:word} and {left:n} more": "{name} e mais {left}",
    "{count:n} requests in the last {span:span}": "{count} requisições nos últimos {span}",
    "in the last {span:span}": "nos últimos {span}",
    "{failed:n} of {count:n} requests in the last {span:span}": "{failed} de {count} requisições nos últimos {span}",
    "{share:n}% of {count:n} requests in the last {span:span} kept to {limit:word}":
        "{share} % de {count} requisições nos últimos {span} dentro de {limit}",
    "{said:word}: between {low:word} and {high:word}, an estimate, as no bucket ends at {limit:word}":
        "{said}: entre {low} e {high}, uma estimativa, pois nenhum bucket termina em {limit}",
    "{said:word}: more than {low:word}, an estimate, as no bucket ends at {limit:word}":
        "{said}: mais de {low}, uma estimativa, pois nenhum bucket termina em {limit}",
    "{said:word}: between {low:word} and {high:word}": "{said}: entre {low} e {high}",
    "{said:word}: more than {low:word}": "{said}: mais de {low}",
}  # fmt: skip
