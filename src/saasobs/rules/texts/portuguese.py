"""The alerts in Portuguese of Brazil."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.rules.texts.text import Text

PORTUGUESE: Final[Mapping[str, Text]] = {
    "SaasobsErrorBudgetBurnFast": Text(
        "{{ $labels.service }} consome o orçamento de erros: {{ $value | humanizePercentage }} das requisições falham",
        "Neste ritmo, dois por cento do orçamento de erros de um mês acabam em uma hora. Veja qual rota falha"
        " e o que foi implantado por último.",
    ),
    "SaasobsErrorBudgetBurnMedium": Text(
        "{{ $labels.service }} consome o orçamento de erros há horas: {{ $value | humanizePercentage }} falham",
        "Cinco por cento do orçamento de erros de um mês em seis horas: mais lento que uma queda, e não passa sozinho.",
    ),
    "SaasobsErrorBudgetBurnSlow": Text(
        "{{ $labels.service }} vai esgotar o orçamento de erros: {{ $value | humanizePercentage }} falham há dias",
        "Neste ritmo não sobra nada do orçamento de erros no fim do mês. Pode esperar até amanhã, não até a "
        "próxima semana.",
    ),
    "SaasobsLatencyBudgetBurnFast": Text(
        "{{ $labels.service }} está lento: {{ $value | humanizePercentage }} das requisições levam mais de 2 s",
        "Os usuários percebem a partir de dois segundos. Veja as rotas mais lentas, o tempo no banco de dados"
        " e os pools.",
    ),
    "SaasobsRouteP95High": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: p95 acima de 2 s, {{ $value | humanizePercentage }} "
        "das requisições são mais lentas",
        "Mais de uma requisição em vinte leva mais de dois segundos, e há o bastante delas para dizer isso.",
    ),
    "SaasobsCriticalRouteP95High": Text(
        "{{ $labels.service }} {{ $labels.http_route }} é crítica e está lenta: p95 acima de 2 s",
        "{{ $value | humanizePercentage }} das requisições a uma rota que a equipe chama de crítica levam "
        "mais de dois segundos: há usuários desistindo agora.",
    ),
    "SaasobsHttp5xxRatioHigh": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: {{ $value | humanizePercentage }} das requisições falham",
        "Respostas 5xx dos últimos cinco minutos. Os relatórios de erros desta rota dizem qual exceção.",
    ),
    "SaasobsTrafficDropped": Text(
        "{{ $labels.service }} recebe muito menos requisições que há uma semana",
        "Menos de um quinto da mesma hora na semana passada. O que não chega não falha: veja o DNS, o "
        "balanceador, o front-end e o login.",
    ),
    "SaasobsTenantErrors": Text(
        "{{ $labels.service }}: {{ $value | humanizePercentage }} das requisições de {{ $labels.tenant }} falham",
        "Um cliente ou todos? O painel diz. Se for um: os dados, o plano, a última mudança dele.",
    ),
    "SaasobsTargetDown": Text(
        "{{ $labels.service }} em {{ $labels.instance }} não dá métricas",
        "O Prometheus não consegue ler: o processo sumiu, travou ou não é alcançado.",
    ),
    "SaasobsServiceVanished": Text(
        "{{ $labels.service }} estava aqui há uma hora e agora não reporta nada",
        "Nenhuma instância está mais entre os alvos: uma implantação desfeita, um serviço renomeado ou uma "
        "descoberta que o perdeu.",
    ),
    "SaasobsMetricsAbsent": Text(
        "nenhum serviço reporta métricas",
        "O Prometheus não tem nenhum saasobs_build_info: nada do que estas regras vigiam é conhecido.",
    ),
    "SaasobsCertificateExpiring": Text(
        '{{ $labels.monitor }}: o certificado vence em {{ $value | printf "%.0f" }} dias',
        "Renovações automáticas quase sempre já aconteceram a esta altura: descubra por que esta não.",
    ),
    "SaasobsCertificateExpiringNow": Text(
        '{{ $labels.monitor }}: o certificado vence em {{ $value | printf "%.0f" }} dias, renove agora',
        "Quando vencer, navegadores e apps recusarão a conexão.",
    ),
    "SaasobsQueriesPerRequestHigh": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: {{ $value | humanizePercentage }} das requisições "
        "fazem mais de 20 consultas",
        "Quase sempre uma lista que pergunta uma vez por linha. O evento queries.n_plus_one do log diz a "
        "linha de código.",
    ),
    "SaasobsNPlusOne": Text(
        "{{ $labels.service }} {{ $labels.operation }}: a mesma consulta repetida",
        "Um comando se repete a partir de um mesmo lugar do código. O evento queries.n_plus_one do log tem o "
        "comando, o lugar e um conselho.",
    ),
    "SaasobsDbPoolNearlyFull": Text(
        "{{ $labels.service }}: {{ $value | humanizePercentage }} das conexões de {{ "
        "$labels.db_client_connection_pool_name }} estão em uso",
        "O próximo pico vai esperar por conexões. Procure consultas lentas e transações que ficam abertas.",
    ),
    "SaasobsDbPoolExhausted": Text(
        "{{ $labels.service }}: há requisições sem conexão de {{ $labels.db_client_connection_pool_name }}",
        "Há requisições que falham porque todas as conexões estão tomadas por mais tempo do que elas podem esperar.",
    ),
    "SaasobsPostgresConnectionsHigh": Text(
        "PostgreSQL {{ $labels.instance }}: {{ $value | humanizePercentage }} das conexões estão tomadas",
        "Ao chegar a max_connections ninguém mais entra, nem para olhar. Some os pools de todos os processos.",
    ),
    "SaasobsRedisMemoryHigh": Text(
        "Redis {{ $labels.instance }}: usa {{ $value | humanizePercentage }} da memória",
        "Ao chegar a maxmemory ele recusa escritas ou remove o que tem prazo, conforme maxmemory-policy: de um "
        "modo filas e sessões param, do outro se perdem.",
    ),
    "SaasobsQueueLag": Text(
        "{{ $labels.service }} {{ $labels.task }}: as tarefas esperam mais de 5 minutos",
        "{{ $value | humanizePercentage }} das tarefas que começaram nos últimos dez minutos tinham esperado "
        "mais. Poucos workers, um travado ou uma avalanche.",
    ),
    "SaasobsQueueStalled": Text(
        "{{ $labels.service }} {{ $labels.task }}: tarefas são enviadas e ninguém as começa",
        "{{ $value | humanize }} enviadas em uma hora esperam e nenhuma começou em dez minutos: não há workers "
        "trabalhando, ou todos travaram.",
    ),
    "SaasobsTasksFailing": Text(
        "{{ $labels.service }} {{ $labels.task }}: {{ $value | humanizePercentage }} das execuções falham",
        "Na última meia hora. Cada falha é um relatório de erro; as tentativas que se repetem não contam.",
    ),
    "SaasobsChecksStale": Text(
        "saasobs em {{ $labels.instance }} não faz verificações",
        "Responde ao Prometheus e não terminou nenhuma verificação em dez minutos: nada é vigiado.",
    ),
    "SaasobsChecksLate": Text(
        "saasobs em {{ $labels.instance }} está atrasado: {{ $value | humanizePercentage }} começam mais de 5 s depois",
        "A máquina está ocupada demais ou tem verificações demais.",
    ),
    "SaasobsNotifierFailing": Text(
        "saasobs não consegue entregar por {{ $labels.channel }}",
        "Várias tentativas em dez minutos e nenhuma funcionou. Quem é avisado por este canal não ouve nada: "
        "avise de outro modo.",
    ),
    "SaasobsOutboxStuck": Text(
        "saasobs: um aviso para {{ $labels.channel }} espera há {{ $value | humanizeDuration }}",
        "Já devia ter saído e não foi entregue. O log do daemon diz por quê, em notice.not_sent.",
    ),
    "SaasobsStorageDown": Text(
        "saasobs em {{ $labels.instance }} não consegue gravar o banco de dados",
        "As verificações continuam, os incidentes esperam em memória e um reinício agora os perde. Veja "
        "primeiro o disco.",
    ),
    "SaasobsConfigurationRefused": Text(
        "saasobs em {{ $labels.instance }} roda com uma configuração antiga",
        "O arquivo tem erros: saasobs validate os aponta, com as linhas.",
    ),
    "SaasobsPrometheusNotificationsFailing": Text(
        "Prometheus {{ $labels.instance }} não consegue entregar os alertas",
        "Há alertas e ninguém ouve: o Alertmanager, ou o daemon em seu lugar, recusa ou não é alcançado.",
    ),
    "SaasobsRuleEvaluationFailing": Text(
        "Prometheus {{ $labels.instance }} não consegue avaliar {{ $labels.rule_group }}",
        "Os alertas desse grupo não podem soar. O log do Prometheus e a página Status, Rules, dizem por quê.",
    ),
    "Watchdog": Text(
        "os alertas chegam",
        "Soa sempre. Quem o recebe chama alguém quando ele para: então o Prometheus, ou o caminho desde ele, "
        "está quebrado.",
    ),
}
