"""The alerts in Spanish, as in most of Latin America."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from saasobs.rules.texts.text import Text

SPANISH: Final[Mapping[str, Text]] = {
    "SaasobsErrorBudgetBurnFast": Text(
        "{{ $labels.service }} consume su presupuesto de errores: falla el {{ $value | humanizePercentage }} "
        "de las peticiones",
        "A este ritmo se va en una hora el dos por ciento del presupuesto de errores de un mes. Mira qué ruta"
        " falla y qué se desplegó por último.",
    ),
    "SaasobsErrorBudgetBurnMedium": Text(
        "{{ $labels.service }} consume su presupuesto de errores desde hace horas: falla el {{ $value | "
        "humanizePercentage }}",
        "El cinco por ciento del presupuesto de errores de un mes en seis horas: más lento que una caída, y "
        "no pasa solo.",
    ),
    "SaasobsErrorBudgetBurnSlow": Text(
        "{{ $labels.service }} va a agotar su presupuesto de errores: falla el {{ $value | humanizePercentage"
        " }} desde hace días",
        "A este ritmo no queda nada del presupuesto de errores a fin de mes. Puede esperar a mañana, no a la "
        "próxima semana.",
    ),
    "SaasobsLatencyBudgetBurnFast": Text(
        "{{ $labels.service }} está lento: el {{ $value | humanizePercentage }} de las peticiones tarda más de 2 s",
        "Los usuarios lo notan desde dos segundos. Mira las rutas más lentas, el tiempo en la base de datos y"
        " los pools.",
    ),
    "SaasobsRouteP95High": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: p95 de más de 2 s, el {{ $value | humanizePercentage"
        " }} de las peticiones es más lento",
        "Más de una petición de cada veinte tarda más de dos segundos, y hay bastantes para decirlo.",
    ),
    "SaasobsCriticalRouteP95High": Text(
        "{{ $labels.service }} {{ $labels.http_route }} es crítica y está lenta: p95 de más de 2 s",
        "El {{ $value | humanizePercentage }} de las peticiones a una ruta que el equipo llama crítica tarda "
        "más de dos segundos: hay usuarios que abandonan ahora.",
    ),
    "SaasobsHttp5xxRatioHigh": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: falla el {{ $value | humanizePercentage }} de las peticiones",
        "Respuestas 5xx de los últimos cinco minutos. Los reportes de errores de esta ruta dicen qué excepción.",
    ),
    "SaasobsTrafficDropped": Text(
        "{{ $labels.service }} recibe muchas menos peticiones que hace una semana",
        "Menos de la quinta parte que a la misma hora la semana pasada. Lo que no llega no falla: mira el "
        "DNS, el balanceador, el front end y el inicio de sesión.",
    ),
    "SaasobsTenantErrors": Text(
        "{{ $labels.service }}: falla el {{ $value | humanizePercentage }} de las peticiones de {{ $labels.tenant }}",
        "¿Un cliente o todos? El tablero lo dice. Si es uno: sus datos, su plan, su último cambio.",
    ),
    "SaasobsTargetDown": Text(
        "{{ $labels.service }} en {{ $labels.instance }} no da métricas",
        "Prometheus no puede leerlo: el proceso no está, se colgó o no se alcanza.",
    ),
    "SaasobsServiceVanished": Text(
        "{{ $labels.service }} estaba hace una hora y ahora no reporta nada",
        "Ninguna instancia suya está ya entre los objetivos: un despliegue deshecho, un servicio renombrado o"
        " un descubrimiento que lo perdió.",
    ),
    "SaasobsMetricsAbsent": Text(
        "ningún servicio reporta métricas",
        "Prometheus no tiene ningún saasobs_build_info: no se sabe nada de lo que vigilan estas reglas.",
    ),
    "SaasobsCertificateExpiring": Text(
        '{{ $labels.monitor }}: el certificado vence en {{ $value | printf "%.0f" }} días',
        "Las renovaciones automáticas casi siempre ya ocurrieron a esta altura: averigua por qué esta no.",
    ),
    "SaasobsCertificateExpiringNow": Text(
        '{{ $labels.monitor }}: el certificado vence en {{ $value | printf "%.0f" }} días, renuévalo ya',
        "Cuando venza, los navegadores y las apps rechazarán la conexión.",
    ),
    "SaasobsQueriesPerRequestHigh": Text(
        "{{ $labels.service }} {{ $labels.http_route }}: el {{ $value | humanizePercentage }} de las "
        "peticiones hace más de 20 consultas",
        "Casi siempre una lista que pregunta una vez por fila. El evento queries.n_plus_one del log dice la "
        "línea de código.",
    ),
    "SaasobsNPlusOne": Text(
        "{{ $labels.service }} {{ $labels.operation }}: la misma consulta una y otra vez",
        "Una sentencia se repite desde un mismo lugar del código. El evento queries.n_plus_one del log tiene "
        "la sentencia, el lugar y un consejo.",
    ),
    "SaasobsDbPoolNearlyFull": Text(
        "{{ $labels.service }}: el {{ $value | humanizePercentage }} de las conexiones de {{ "
        "$labels.db_client_connection_pool_name }} está en uso",
        "El próximo pico va a esperar conexiones. Busca consultas lentas y transacciones que quedan abiertas.",
    ),
    "SaasobsDbPoolExhausted": Text(
        "{{ $labels.service }}: hay peticiones sin conexión de {{ $labels.db_client_connection_pool_name }}",
        "Hay peticiones que fallan porque todas las conexiones están tomadas por más tiempo del que pueden esperar.",
    ),
    "SaasobsPostgresConnectionsHigh": Text(
        "PostgreSQL {{ $labels.instance }}: el {{ $value | humanizePercentage }} de sus conexiones está tomado",
        "Al llegar a max_connections ya nadie entra, ni para mirar. Suma los pools de todos los procesos.",
    ),
    "SaasobsRedisMemoryHigh": Text(
        "Redis {{ $labels.instance }}: usa el {{ $value | humanizePercentage }} de su memoria",
        "Al llegar a maxmemory rechaza escrituras o expulsa lo que tiene vencimiento, según maxmemory-policy: de "
        "un modo colas y sesiones se detienen, del otro se pierden.",
    ),
    "SaasobsQueueLag": Text(
        "{{ $labels.service }} {{ $labels.task }}: las tareas esperan más de 5 minutos",
        "El {{ $value | humanizePercentage }} de las tareas que empezaron en los últimos diez minutos había "
        "esperado más. Pocos workers, uno colgado o una avalancha.",
    ),
    "SaasobsQueueStalled": Text(
        "{{ $labels.service }} {{ $labels.task }}: se envían tareas y nadie las empieza",
        "{{ $value | humanize }} enviadas en una hora esperan y ninguna empezó en diez minutos: no hay workers "
        "trabajando o todos están colgados.",
    ),
    "SaasobsTasksFailing": Text(
        "{{ $labels.service }} {{ $labels.task }}: falla el {{ $value | humanizePercentage }} de sus ejecuciones",
        "En la última media hora. Cada fallo es un reporte de error; los intentos que se repiten no cuentan.",
    ),
    "SaasobsChecksStale": Text(
        "saasobs en {{ $labels.instance }} no hace comprobaciones",
        "Responde a Prometheus y no terminó ninguna comprobación en diez minutos: nadie vigila nada.",
    ),
    "SaasobsChecksLate": Text(
        "saasobs en {{ $labels.instance }} llega tarde: el {{ $value | humanizePercentage }} empieza más de 5"
        " s después",
        "La máquina está demasiado ocupada o tiene demasiadas comprobaciones.",
    ),
    "SaasobsNotifierFailing": Text(
        "saasobs no puede entregar por {{ $labels.channel }}",
        "Varios intentos en diez minutos y ninguno funcionó. Quien recibe avisos por este canal no oye nada: "
        "avísale de otro modo.",
    ),
    "SaasobsOutboxStuck": Text(
        "saasobs: un aviso para {{ $labels.channel }} espera hace {{ $value | humanizeDuration }}",
        "Ya debía salir y no se entregó. El log del demonio dice por qué, en notice.not_sent.",
    ),
    "SaasobsStorageDown": Text(
        "saasobs en {{ $labels.instance }} no puede escribir su base de datos",
        "Las comprobaciones siguen, los incidentes esperan en memoria y un reinicio ahora los pierde. Mira "
        "primero el disco.",
    ),
    "SaasobsConfigurationRefused": Text(
        "saasobs en {{ $labels.instance }} funciona con una configuración vieja",
        "El archivo tiene errores: saasobs validate los nombra, con sus líneas.",
    ),
    "SaasobsPrometheusNotificationsFailing": Text(
        "Prometheus {{ $labels.instance }} no puede entregar sus alertas",
        "Hay alertas y nadie las oye: el Alertmanager, o el demonio en su lugar, las rechaza o no se alcanza.",
    ),
    "SaasobsRuleEvaluationFailing": Text(
        "Prometheus {{ $labels.instance }} no puede evaluar {{ $labels.rule_group }}",
        "Las alertas de ese grupo no pueden sonar. El log de Prometheus y su página Status, Rules, dicen por qué.",
    ),
    "Watchdog": Text(
        "las alertas llegan",
        "Siempre suena. Quien la recibe llama a alguien cuando deja de sonar: entonces Prometheus, o el "
        "camino desde él, está roto.",
    ),
}
